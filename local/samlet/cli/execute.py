"""`samlet exec`: a command beside the running system, told where its services are; no password is ever printed."""

import argparse
import os
from collections.abc import Mapping
from urllib.parse import quote

from samlet.cli.selection import Commands, add_options, selected
from samlet.cli.usage import add_command
from samlet.errors import NotRunning, SamletError, WrongUsage
from samlet.project import Project
from samlet.services.postgres import ADMIN
from samlet.state import State


def register(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "exec",
        "run a command with the addresses of the running services",
        about="The command finds DATABASE_ADMIN_URL and KAFKA_BOOTSTRAP_SERVERS in its environment; what is set there "
        "already stays. Nothing is printed.",
        examples="""
            samlet exec -- sh -c 'psql "$DATABASE_ADMIN_URL" -c "SELECT 1"'
            samlet exec -- python -m my_migrations
        """,
    )
    add_options(parser)
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND", help="the command, after --")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Become the command; what the environment names already stays as it is."""
    words = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    if not words:
        raise WrongUsage("say what to run: samlet exec -- COMMAND")
    found, _, state = selected(arguments)
    try:
        os.execvpe(words[0], words, {**addresses(found, state), **os.environ})  # noqa: S606 - no shell is wanted
    except OSError as error:
        raise SamletError(f"{words[0]} can't be run: {error.strerror}") from error


def addresses(project: Project, state: State) -> Mapping[str, str]:
    """The services' addresses as variables, named like the settings that name services of one's own."""
    running = state.running()
    if running is None:
        if "DATABASE_ADMIN_URL" in os.environ:
            return {}
        raise NotRunning("nothing runs here; start it with `samlet up`, or set DATABASE_ADMIN_URL")
    told = {}
    if "kafka" in running.addresses:
        told["KAFKA_BOOTSTRAP_SERVERS"] = running.addresses["kafka"]
    password = state.folder / "postgres" / "admin.password"
    if project.postgres and "postgres" in running.addresses and password.exists():
        credentials = f"{ADMIN}:{quote(password.read_text().strip(), safe='')}"
        told["DATABASE_ADMIN_URL"] = (
            f"postgresql://{credentials}@{running.addresses['postgres']}/{project.postgres.database}"
        )
    return told
