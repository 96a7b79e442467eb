"""Fires the template's schedules while Samlet runs, and on demand."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from samlet.errors import SamletError, ScheduleNotFound
from samlet.log import say
from samlet.model import Schedule
from samlet.runtime import Outcome
from samlet.sources.invoker import Invoker
from samlet.sources.schedule_events import Place, payload
from samlet.sources.timetable import Timetable, timetable

_LONGEST_NAP = 30.0
_LONGEST_PAUSE = 60.0


def _wall_clock() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class ScheduleState:
    """One schedule as it is shown; `next` is in UTC, None if it will not fire again."""

    name: str
    expression: str
    timezone: str
    function: str
    enabled: bool
    next: datetime | None


class Schedules:
    """Every schedule of a template; firings go to `invoker` as asynchronous events."""

    def __init__(
        self,
        schedules: Iterable[Schedule],
        invoker: Invoker,
        *,
        place: Place | None = None,
        now: Callable[[], datetime] = _wall_clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        fire_rates_at_start: bool = True,
    ) -> None:
        self._invoker = invoker
        self._place = place or Place()
        self._now = now
        self._sleep = sleep
        self._fire_rates_at_start = fire_rates_at_start
        self._definitions = tuple(schedules)
        self._timetables = self._tables()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to fire; rates count from now."""
        self._timetables = self._tables()
        for table in self._timetables:
            if table.schedule.enabled:
                self._run_task(self._watch(table))

    async def stop(self) -> None:
        """Stop firing; deliveries under way are given up."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def list(self) -> tuple[ScheduleState, ...]:
        """Every schedule with the time at which it fires next."""
        now = self._now()
        return tuple(
            ScheduleState(
                name=table.schedule.name,
                expression=table.schedule.expression,
                timezone=table.schedule.timezone,
                function=table.schedule.function,
                enabled=table.schedule.enabled,
                next=table.next_after(now) if table.schedule.enabled else None,
            )
            for table in self._timetables
        )

    async def run(self, name: str, at: datetime | None = None) -> Outcome:
        """Invoke a schedule's function, and wait for it, with the event of the slot `at`; naive times are UTC.

        Without `at`, the slot is the latest one that was due, else the current minute.
        """
        tables = [table for table in self._timetables if table.schedule.name == name]
        if not tables:
            raise ScheduleNotFound(name, (table.schedule.name for table in self._timetables))
        slot = at or self._latest(tables[0])
        slot = slot if slot.tzinfo else slot.replace(tzinfo=UTC)
        schedule = tables[0].schedule
        return await self._invoker.invoke(schedule.function, payload(schedule, slot, self._place))

    def _tables(self) -> tuple[Timetable, ...]:
        created = self._now()
        return tuple(timetable(schedule, created) for schedule in self._definitions)

    def _latest(self, table: Timetable) -> datetime:
        now = self._now()
        return table.latest_until(now) or now.replace(second=0, microsecond=0)

    def _run_task(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _watch(self, table: Timetable) -> None:
        slot: datetime | None = table.created
        if table.is_rate and self._fire_rates_at_start and _has_begun(table):
            self._fire(table, table.created)
        while slot is not None and (slot := table.next_after(slot)):
            await self._sleep_until(slot)
            slot = self._skip_missed(table, slot)
            self._fire(table, slot)

    async def _sleep_until(self, slot: datetime) -> None:
        # In naps, because the loop's clock stands still while a laptop sleeps and the wall clock does not.
        while (left := (slot - self._now()).total_seconds()) > 0:
            await self._sleep(min(left, _LONGEST_NAP))

    def _skip_missed(self, table: Timetable, slot: datetime) -> datetime:
        """The latest slot that is due: after a night's sleep one event fires, not one for every slot of the night."""
        missed = 0
        now = self._now()
        while (following := table.next_after(slot)) and following <= now:
            slot, missed = following, missed + 1
        if missed:
            say(table.schedule.name, f"{missed} earlier slots passed while the machine slept", level="warning")
        return slot

    def _fire(self, table: Timetable, slot: datetime) -> None:
        self._run_task(self._deliver(table.schedule, slot))

    async def _deliver(self, schedule: Schedule, slot: datetime) -> None:
        """Hand the event over; an attempt that is refused is repeated within the schedule's own retry policy."""
        given_up_at = self._now() + timedelta(seconds=schedule.max_age)
        for attempt in range(1, schedule.retries + 2):
            try:
                await self._invoker.invoke_event(
                    schedule.function, payload(schedule, slot, self._place, attempt=attempt)
                )
            except SamletError as error:
                say(schedule.name, f"attempt {attempt}: {error}", level="warning")
            else:
                return
            pause = min(2.0 ** (attempt - 1), _LONGEST_PAUSE)
            if self._now() + timedelta(seconds=pause) > given_up_at:
                break
            await self._sleep(pause)
        say(schedule.name, f"the event of {slot:%Y-%m-%d %H:%M} UTC was not delivered", level="error")


def _has_begun(table: Timetable) -> bool:
    start, end = table.schedule.start, table.schedule.end
    return (start is None or start <= table.created) and (end is None or table.created <= end)
