"""`samlet secrets`: makes the secrets of a project as files, before anything starts that reads them."""

import argparse
import json
import os
from pathlib import Path

from samlet import project, secret_files
from samlet.cli.selection import Commands
from samlet.cli.usage import add_command
from samlet.errors import SamletError


def register(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "secrets",
        "make the secrets of samlet.toml as files, where missing",
        about="Each is 32 random bytes in base64, in a file that only its owner can read. Says which, never what.",
        examples="""
            samlet secrets secrets                # all that samlet.toml names
            samlet secrets token agent_token      # this one alone
            samlet secrets token agent_token --agents Hello Bye
        """,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="where the files are, or will be")
    parser.add_argument("names", nargs="*", metavar="NAME", help="these secrets instead of samlet.toml's")
    parser.add_argument(
        "--agents",
        nargs="+",
        default=[],
        metavar="FUNCTION",
        help="out of the one NAME, also DIR/FUNCTION/NAME: a token for agents of that function alone",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="a samlet.toml other than the one in this folder")
    parser.add_argument("--json", action="store_true", help="as a JSON array")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Make what is missing; says which, and never what."""
    if arguments.agents and len(arguments.names) != 1:
        raise SamletError("--agents needs one NAME, that of the agents' token")
    names = arguments.names or project.find(config=arguments.config).secrets
    for name in (*names, *arguments.agents):
        if not name or os.sep in name or name.startswith("."):
            raise SamletError(f"{name!r} is no name of a secret")
    try:
        made = secret_files.make_missing(arguments.folder, names)
        tokens = secret_files.make_tokens(arguments.folder, names[0], arguments.agents) if arguments.agents else []
    except OSError as error:
        raise SamletError(f"no secrets can be made in {arguments.folder}: {error.strerror}") from error
    told = {name: name in made for name in names}
    told |= {f"{function}/{names[0]}": function in tokens for function in arguments.agents}
    if arguments.json:
        print(json.dumps([{"name": name, "made": is_made} for name, is_made in told.items()], indent=2))
        return 0
    for name, is_made in told.items():
        print(f"{name}: {'made' if is_made else 'was there'}")
    return 0
