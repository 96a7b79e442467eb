"""`samlet up`: everything that the project in this folder wants."""

import argparse
from pathlib import Path

from samlet.cli.selection import Commands, add_catch_up


def register(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("up", help="start everything that samlet.toml names, until Ctrl-C")
    parser.add_argument("--config", type=Path, metavar="FILE", help="a samlet.toml other than the one in this folder")
    parser.add_argument("--strict", action="store_true", help="make errors of what cannot be run truly")
    add_catch_up(parser)
    parser.set_defaults(run=run, template=None)


def run(arguments: argparse.Namespace) -> int:
    """Start everything and stay until Ctrl-C or SIGTERM."""
    # Not at the top: loading the emulator takes half a second, which the commands that only ask need not pay.
    from samlet.cli.foreground import run_until_stopped
    from samlet.emulator.options import Options

    return run_until_stopped(arguments, Options(strict=arguments.strict, catch_up=arguments.catch_up))
