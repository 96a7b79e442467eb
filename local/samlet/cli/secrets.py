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
        """,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="where the files are, or will be")
    parser.add_argument("names", nargs="*", metavar="NAME", help="these secrets instead of samlet.toml's")
    parser.add_argument("--config", type=Path, metavar="FILE", help="a samlet.toml other than the one in this folder")
    parser.add_argument("--json", action="store_true", help="as a JSON array")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Make what is missing; says which, and never what."""
    names = arguments.names or project.find(config=arguments.config).secrets
    for name in names:
        if not name or os.sep in name or name.startswith("."):
            raise SamletError(f"{name!r} is no name of a secret")
    try:
        made = secret_files.make_missing(arguments.folder, names)
    except OSError as error:
        raise SamletError(f"no secrets can be made in {arguments.folder}: {error.strerror}") from error
    if arguments.json:
        print(json.dumps([{"name": name, "made": name in made} for name in names], indent=2))
        return 0
    for name in names:
        print(f"{name}: {'made' if name in made else 'was there'}")
    return 0
