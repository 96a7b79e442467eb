"""`samlet up`: everything that the project in this folder wants."""

import argparse
from pathlib import Path

from samlet.cli.overrides import add_overrides
from samlet.cli.selection import Commands, add_catch_up, add_debug, add_graceful
from samlet.cli.usage import add_command


def register(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "up",
        "start everything that samlet.toml names, until Ctrl-C",
        about="The samlet.toml is the one in this folder. Where there is none, the template.yaml here is run alone.",
        examples="""
            samlet up
            samlet up --strict                    # what can't be run is an error
            SAMLET_API_PORT=0 samlet up           # the HTTP API on any free port
        """,
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="a samlet.toml other than the one in this folder")
    add_overrides(parser)
    parser.add_argument("--strict", action="store_true", help="make errors of what cannot be run truly")
    add_catch_up(parser)
    add_graceful(parser)
    add_debug(parser)
    parser.set_defaults(run=run, template=None)


def run(arguments: argparse.Namespace) -> int:
    """Start everything and stay until Ctrl-C or SIGTERM."""
    # Not at the top: loading the emulator takes half a second, which the commands that only ask need not pay.
    from samlet.cli.foreground import options_of, run_until_stopped

    return run_until_stopped(arguments, options_of(arguments))
