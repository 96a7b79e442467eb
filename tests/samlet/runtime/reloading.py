"""Functions whose files are followed, as hot reload does it in a whole Samlet."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from functions_on_the_spot import functions_of
from samlet.emulator.reload import Reload
from samlet.model import Function
from samlet.processes import Reaper
from samlet.runtime import Environments, Functions

type Reloading = Callable[..., Any]


def following(environments: Environments, reaper: Reaper) -> Reloading:
    """What runs functions and follows their files."""

    @asynccontextmanager
    async def run(*functions: Function, **settings: Any) -> AsyncIterator[tuple[Functions, Reload]]:
        await environments.prepare(functions)
        known: Environments = settings.pop("environments", environments)
        reload = Reload(known, **settings)
        made = functions_of(*functions, environments=known, reaper=reaper, max_sandboxes=4, changes=reload)
        await made.start()
        reload.start(made)
        try:
            yield made, reload
        finally:
            await reload.stop()
            await made.stop()

    return run


async def answer(functions: Functions, event: bytes = b"0", name: str = "Echo") -> Any:
    """What a function answers to an event."""
    return json.loads((await functions.invoke(name, event)).payload)
