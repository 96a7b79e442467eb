"""What the fixtures for Samlet's runtime give: a maker of functions, and a starter of them."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import fields
from typing import Any, Protocol

from samlet.model import Function
from samlet.processes import Reaper
from samlet.runtime import Functions
from samlet.runtime.sandbox_settings import SandboxSettings


class MakeFunction(Protocol):
    """Writes a module and describes the function in it."""

    def __call__(self, source: str, name: str = ..., **properties: Any) -> Function: ...


type Running = Callable[..., AbstractAsyncContextManager[Functions]]


def functions_of(*functions: Function, reaper: Reaper, **settings: Any) -> Functions:
    """Functions with settings of both kinds: what their sandboxes are told, and how they are lent."""
    of_sandboxes = {one.name: settings.pop(one.name) for one in fields(SandboxSettings) if one.name in settings}
    return Functions({one.logical_id: one for one in functions}, SandboxSettings(reaper, **of_sandboxes), **settings)
