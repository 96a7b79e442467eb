"""`samlet start`: any template, with what the samlet.toml beside it names, if there is one."""

import argparse
from dataclasses import replace
from pathlib import Path

from samlet.cli.overrides import add_overrides
from samlet.cli.selection import (
    Commands,
    add_catch_up,
    add_debug,
    add_graceful,
    add_options,
    add_parameter,
    given_parameters,
)
from samlet.cli.usage import add_command


def register(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "start",
        "start any template, until Ctrl-C",
        about="Without --template, the one of this folder. A samlet.toml beside the template counts, one that merely "
        "lies in this folder does not.",
        examples="""
            samlet start
            samlet start --template ../shop/template.yaml --parameter Stage=local --strict
            samlet start --env-vars env.json --profile dev
        """,
    )
    add_options(parser)
    add_parameter(parser)
    add_overrides(parser)
    parser.add_argument("--strict", action="store_true", help="make errors of what cannot be run truly")
    parser.add_argument("--python", type=Path, metavar="PATH", help="run all Python functions with this interpreter")
    add_catch_up(parser)
    add_graceful(parser)
    add_debug(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Start the template and stay until Ctrl-C or SIGTERM."""
    from samlet.cli.foreground import options_of, run_until_stopped  # not at the top: see up.py

    options = replace(
        options_of(arguments),
        python=arguments.python,
        parameters=given_parameters(arguments),
        config_env=arguments.config_env,
    )
    return run_until_stopped(arguments, options)
