"""Clocks for whatever retries."""

import asyncio

from samlet.runtime import Clock


class SkippingClock(Clock):
    """Does not wait: to sleep is to move on. `pauses` are the seconds that were asked for."""

    def __init__(self) -> None:
        self.time = 1_000.0
        self.pauses: list[float] = []

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)
