"""`samlet start`: a template, with what the samlet.toml beside it names, if there is one."""

import argparse
from pathlib import Path

from samlet.cli.selection import Commands, add_catch_up, add_options


def register(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("start", help="start any template, until Ctrl-C")
    add_options(parser, template_required=True)
    parser.add_argument(
        "--parameter", action="append", default=[], type=_pair, metavar="NAME=VALUE", help="a parameter of the template"
    )
    parser.add_argument("--strict", action="store_true", help="make errors of what cannot be run truly")
    parser.add_argument("--python", type=Path, metavar="PATH", help="run all Python functions with this interpreter")
    add_catch_up(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Start the template and stay until Ctrl-C or SIGTERM."""
    from samlet.cli.foreground import run_until_stopped  # not at the top: see up.py
    from samlet.emulator.options import Options

    options = Options(
        strict=arguments.strict,
        python=arguments.python,
        parameters=dict(arguments.parameter),
        catch_up=arguments.catch_up,
    )
    return run_until_stopped(arguments, options)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value
