"""Which project a command is about: the options that all commands share, and what they lead to."""

import argparse
import os
from pathlib import Path

from samlet import project, settings
from samlet.errors import WrongUsage
from samlet.project import Project
from samlet.settings import Settings
from samlet.state import State

type Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_options(parser: argparse.ArgumentParser, *, default: str | None = None) -> None:
    """Add --template and --config; a verb of a command that has them itself suppresses the default."""
    parser.add_argument(
        "-t",
        "--template",
        "--template-file",
        type=Path,
        metavar="FILE",
        default=default,
        help="the SAM or CloudFormation template (default: what samlet.toml names, else template.yaml, .yml or .json)",
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        default=default,
        help="a samlet.toml other than the one beside the template",
    )


def add_parameter(parser: argparse._ActionsContainer) -> None:
    """Add --parameter, --parameter-file and --config-env."""
    parser.add_argument(
        "--parameter", action="append", default=[], type=pair, metavar="NAME=VALUE", help="a parameter of the template"
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


def given_parameters(arguments: argparse.Namespace) -> dict[str, str]:
    """The template's parameters as the options of `add_parameter` give them. Raises TemplateError."""
    from samlet.template import read_parameters  # not at the top: it takes a while to load

    in_files = {name: value for file in arguments.parameter_file for name, value in read_parameters(file).items()}
    return in_files | dict(arguments.parameter)


def add_catch_up(parser: argparse.ArgumentParser) -> None:
    """Add --catch-up."""
    parser.add_argument(
        "--catch-up",
        choices=("none", "latest", "all"),
        default="none",
        help="which schedule slots that passed while Samlet was off fire at start (default: none)",
    )


def add_graceful(parser: argparse.ArgumentParser) -> None:
    """Add --graceful."""
    parser.add_argument(
        "--graceful",
        action="store_true",
        help="send functions SIGTERM before their end, at most 2 s (Lambda does so only where an extension registered)",
    )


def add_debug(parser: argparse._ActionsContainer, *, functions: bool = True) -> None:
    """Add --debug-port and, if it may be several functions, --debug-function."""
    many = ", further functions on the ports after it" if functions else ""
    parser.add_argument(
        "-d",
        "--debug-port",
        type=_port,
        metavar="PORT",
        help=f"wait for a debugger (VS Code, PyCharm) on this port{many}",
    )
    if functions:
        parser.add_argument(
            "--debug-function",
            action="append",
            default=[],
            metavar="NAME",
            help="debug this function alone; may be repeated (default: all Python functions but those of on_start)",
        )


def check_debug(arguments: argparse.Namespace) -> None:
    """Refuse names without a port."""
    if arguments.debug_function and arguments.debug_port is None:
        raise WrongUsage("--debug-function needs --debug-port")


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; 0 means any free one")
    return int(text)


def count(text: str) -> int:
    """A number from 1."""
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 10**9:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1")
    return int(text)


def selected(arguments: argparse.Namespace) -> tuple[Project, Settings, State]:
    """Return the project that the options name, the settings and the project's state folder."""
    chosen = settings.read(os.environ)
    found = project.find(template=arguments.template, config=arguments.config)
    return found, chosen, State(chosen.state_beside(found.folder))


def pair(text: str) -> tuple[str, str]:
    """NAME=VALUE, taken apart."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value
