"""Several things at once: in a start the first failure counts, in a stop none holds up the others."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from samlet.log import say


async def together(*jobs: Coroutine[Any, Any, object]) -> None:
    """Run all jobs; when one fails, the others are called off before its error is raised as it is, in no group."""
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def stopped(*endings: Coroutine[Any, Any, object]) -> None:
    """Run all endings; what goes wrong with one is said."""
    for trouble in await asyncio.gather(*endings, return_exceptions=True):
        if isinstance(trouble, Exception):
            say("samlet", f"while stopping: {trouble!r}", level="warning")
