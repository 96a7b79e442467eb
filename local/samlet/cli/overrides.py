"""The options that change what functions are told: `--env-vars`, `--profile` and `--region`."""

import argparse
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from samlet.cli import env_vars, profile
from samlet.errors import ProjectError

if TYPE_CHECKING:
    from samlet.emulator.options import Overrides

_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d+")


def add_overrides(parser: argparse._ActionsContainer) -> None:
    """Add the options."""
    parser.add_argument(
        "-n",
        "--env-vars",
        type=Path,
        metavar="FILE",
        help='variables as JSON, as `sam local` has it: {"Function": {"NAME": "value"}, "Parameters": {…}}',
    )
    parser.add_argument("--profile", metavar="NAME", help="give functions the AWS credentials of this profile of yours")
    parser.add_argument("--region", help="the AWS region (default: the profile's, else eu-central-1)")


def given(arguments: argparse.Namespace) -> list[str]:
    """The options of these that were used."""
    names = {"env_vars": "--env-vars", "profile": "--profile", "region": "--region"}
    return [option for name, option in names.items() if getattr(arguments, name)]


def read(arguments: argparse.Namespace, usual: Path | None = None) -> tuple["Overrides", str | None]:
    """What they say: the variables, without an option those of the file `usual`, and the region if one is chosen."""
    from samlet.emulator.options import Overrides  # not at the top: see up.py

    file = arguments.env_vars or usual
    variables = env_vars.read(file) if file else {}
    everywhere, region = variables.pop(env_vars.EVERYWHERE, {}), arguments.region
    if arguments.profile:
        mine = profile.read(arguments.profile, os.environ, Path.home())
        everywhere, region = {**mine.variables, **everywhere}, region or mine.region
    if region and not _REGION.fullmatch(region):
        raise ProjectError(f"{region!r} is no AWS region, such as eu-central-1")
    return Overrides(everywhere, variables), region
