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
    parser.add_argument(
        "--parameter-file",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="parameters in a file: CloudFormation's JSON list, a map in JSON or YAML, or lines NAME=VALUE",
    )
    parser.add_argument("--config-env", metavar="NAME", help="the environment of samconfig.toml (default: default)")
    parser.add_argument("--strict", action="store_true", help="make errors of what cannot be run truly")
    parser.add_argument("--python", type=Path, metavar="PATH", help="run all Python functions with this interpreter")
    add_catch_up(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Start the template and stay until Ctrl-C or SIGTERM."""
    from samlet.cli.foreground import run_until_stopped  # not at the top: see up.py
    from samlet.emulator.options import Options
    from samlet.template import read_parameters

    given = {name: value for file in arguments.parameter_file for name, value in read_parameters(file).items()}
    given |= dict(arguments.parameter)
    options = Options(
        strict=arguments.strict,
        python=arguments.python,
        parameters=given,
        config_env=arguments.config_env,
        catch_up=arguments.catch_up,
    )
    return run_until_stopped(arguments, options)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value
