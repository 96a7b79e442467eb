"""What the fixtures for Samlet's runtime give: a maker of functions, and a starter of them."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from samlet.model import Function
from samlet.runtime import Functions


class MakeFunction(Protocol):
    """Writes a module and describes the function in it."""

    def __call__(self, source: str, name: str = ..., **properties: Any) -> Function: ...


type Running = Callable[..., AbstractAsyncContextManager[Functions]]
