"""The names that a project knows: of a running Samlet if there is one, else of its template."""

import argparse
import contextlib
from collections.abc import Mapping

from samlet.cli import stand_ins
from samlet.cli.remote import Remote, address_of
from samlet.cli.selection import selected
from samlet.errors import SamletError


def function_names(arguments: argparse.Namespace) -> Mapping[str, str]:
    """Each function's name by its logical id; nothing where no template can be read."""
    with contextlib.suppress(SamletError):
        if console := address_of(arguments, "console"):
            told = Remote(console).get("/api/functions")
            return {logical_id: function["name"] for logical_id, function in told.items()}
        from samlet.template import load  # not at the top: see up.py

        found, settings, _ = selected(arguments)
        functions = load(found.template, stand_ins.parameters(found, settings, {})).functions
        return {logical_id: function.name for logical_id, function in functions.items()}
    return {}
