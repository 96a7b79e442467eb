"""Fires the template's schedules while Samlet runs, and on demand."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count, islice, takewhile
from typing import Literal

from samlet.background import BackgroundLoop, say_failure
from samlet.errors import DeliveryFailed, SamletError, ScheduleDisabled, ScheduleNotFound
from samlet.log import say
from samlet.model import Schedule
from samlet.runtime import Outcome, woken_by
from samlet.runtime.destination_client import DestinationClient
from samlet.sources.invoker import Invoker
from samlet.sources.schedule_dead_letters import Undelivered, attributes, given_up
from samlet.sources.schedule_events import Place, payload
from samlet.sources.schedule_memory import ScheduleMemory
from samlet.sources.timetable import Timetable, timetable

_LONGEST_NAP = 30.0
_LONGEST_PAUSE = 60.0
_MOST_CAUGHT_UP = 1000

type _Identity = tuple[str, str, str]
type CatchUp = Literal["none", "latest", "all"]
"""Which of the slots that passed while Samlet was off fire at start."""


def _wall_clock() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class ScheduleState:
    """One schedule as it is shown; `next` is in UTC, None if it will not fire by itself as things stand."""

    name: str
    expression: str
    timezone: str
    function: str
    enabled: bool
    next: datetime | None
    paused: bool = False


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
        memory: ScheduleMemory | None = None,
        catch_up: CatchUp = "none",
        destinations: DestinationClient | None = None,
    ) -> None:
        self._invoker = invoker
        self._place = place or Place()
        self._now = now
        self._sleep = sleep
        self._fire_rates_at_start = fire_rates_at_start
        self._memory = memory or ScheduleMemory()
        self._catch_up = catch_up
        self._destinations = destinations or DestinationClient()
        self._timetables = tuple(timetable(schedule, now()) for schedule in schedules)
        self._tasks: set[asyncio.Task[None]] = set()
        self._watches: dict[_Identity, asyncio.Task[None]] = {}
        self._awaited: dict[_Identity, datetime] = {}  # the slot that each of them sleeps until

    async def start(self) -> None:
        """Begin to fire, first what was missed; rates count from now, or from where they were if they catch up."""
        now = self._now()
        self._timetables = tuple(replace(table, created=self._counted_from(table, now)) for table in self._timetables)
        for table in self._timetables:
            if table.schedule.enabled:
                self._begin(table, now)

    async def stop(self) -> None:
        """Stop firing; deliveries under way are given up."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def replace(self, schedules: Iterable[Schedule]) -> None:
        """Take over a changed template: what is new or different is planned from now on, and fires at its next slot.

        The others go on undisturbed, and so do deliveries. What was due by the old template fires by that.
        """
        now = self._now()
        before = {_identity(table.schedule): table for table in self._timetables}
        tables = []
        for schedule in schedules:
            known = before.get(_identity(schedule))
            if known and known.schedule == schedule:
                tables.append(before.pop(_identity(schedule)))
            else:
                tables.append(timetable(schedule, now))
        for gone, table in before.items():
            if watch := self._watches.pop(gone, None):
                watch.cancel()
                self._fire_overdue(table, now)
        self._timetables = tuple(tables)
        for table in tables:
            if table.schedule.enabled and _identity(table.schedule) not in self._watches:
                self._memory.handled(table.schedule, now)
                self._watches[_identity(table.schedule)] = self._run_task(self._keep_watch(table, now), table.schedule)

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
                next=table.next_after(now) if self._fires(table.schedule) else None,
                paused=self._memory.paused(table.schedule),
            )
            for table in self._timetables
        )

    def upcoming(self, name: str, count: int = 10, after: datetime | None = None) -> tuple[datetime, ...]:
        """The next slots of a schedule after now, or after `after`, in UTC; also of one that is off."""
        table = self._named(name)
        return tuple(islice(_slots(table, after or self._now()), count))

    def pause(self, name: str) -> None:
        """Let a schedule's slots pass until it is resumed, in this run and later ones."""
        self._memory.pause(self._enabled(name), paused=True)
        say(name, "paused")

    def resume(self, name: str) -> None:
        """Let a paused schedule fire again, from its next slot on."""
        self._memory.pause(self._enabled(name), paused=False)
        say(name, "resumed")

    async def run(self, name: str, at: datetime | None = None) -> Outcome:
        """Invoke a schedule's function, and wait for it, with the event of the slot `at`; naive times are UTC.

        Without `at`, the slot is the latest one that was due, else the current minute.
        """
        table = self._named(name)
        slot = at or self._latest(table)
        slot = slot if slot.tzinfo else slot.replace(tzinfo=UTC)
        schedule = table.schedule
        with woken_by("schedule", name):
            return await self._invoker.invoke(schedule.function, payload(schedule, slot, self._place))

    def _named(self, name: str) -> Timetable:
        for table in self._timetables:
            if table.schedule.name == name:
                return table
        raise ScheduleNotFound(name, (table.schedule.name for table in self._timetables))

    def _enabled(self, name: str) -> Schedule:
        schedule = self._named(name).schedule
        if not schedule.enabled:
            raise ScheduleDisabled(name)
        return schedule

    def _fires(self, schedule: Schedule) -> bool:
        return schedule.enabled and not self._memory.paused(schedule)

    def _counted_from(self, table: Timetable, now: datetime) -> datetime:
        """The moment up to which nothing is owed: now, unless there is something to catch up with."""
        known = self._memory.handled_until(table.schedule)
        catches_up = self._catch_up != "none" and self._fires(table.schedule)
        return known if catches_up and known and known < now else now

    def _begin(self, table: Timetable, now: datetime) -> None:
        schedule = table.schedule
        if table.created == now:
            self._memory.handled(schedule, now)
        if not self._fires(schedule):
            say(schedule.name, f"still paused; `samlet schedule resume {schedule.name}` ends that", level="warning")
        elif table.created < now:
            for slot in self._missed(table, now):
                self._fire(table, slot)
        elif table.is_rate and self._fire_rates_at_start and _has_begun(table):
            self._fire(table, now)
        self._watches[_identity(schedule)] = self._run_task(self._keep_watch(table, now), schedule)

    def _missed(self, table: Timetable, now: datetime) -> Sequence[datetime]:
        """The slots from before the start that are to fire now."""
        owed = list(islice(takewhile(lambda slot: slot <= now, _slots(table, table.created)), _MOST_CAUGHT_UP + 1))
        if not owed:
            return owed
        latest = table.latest_until(now) or owed[-1]
        if len(owed) > _MOST_CAUGHT_UP:
            say(table.schedule.name, f"over {_MOST_CAUGHT_UP} slots passed while Samlet was off; the latest fires")
            return [latest]
        chosen = owed if self._catch_up == "all" else [latest]
        say(table.schedule.name, f"slots that passed while Samlet was off: {len(owed)}; firing {len(chosen)}")
        return chosen

    def _latest(self, table: Timetable) -> datetime:
        now = self._now()
        return table.latest_until(now) or now.replace(second=0, microsecond=0)

    def _run_task(self, work: Awaitable[None], schedule: Schedule) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(say_failure(schedule.name, "a delivery"))
        return task

    async def _keep_watch(self, table: Timetable, since: datetime) -> None:
        """Fire at each slot after `since`; where that fails unforeseen, from the moment on at which it begins again."""
        begun = iter([since])
        watching = BackgroundLoop(table.schedule.name, "its clock", sleep=self._sleep)
        await watching.run(lambda: self._watch(table, next(begun, self._now())))

    async def _watch(self, table: Timetable, since: datetime) -> None:
        slot: datetime | None = since
        while slot is not None and (slot := table.next_after(slot)):
            self._awaited[_identity(table.schedule)] = slot
            await self._sleep_until(slot)
            del self._awaited[_identity(table.schedule)]
            slot = self._skip_missed(table, slot)
            if self._fires(table.schedule):
                self._fire(table, slot)
            else:
                self._memory.handled(table.schedule, slot)

    def _fire_overdue(self, table: Timetable, now: datetime) -> None:
        """Fire the slot that came just before its schedule changed, if its watch has not been woken since."""
        slot = self._awaited.pop(_identity(table.schedule), None)
        if slot and slot <= now and self._fires(table.schedule):
            self._fire(table, self._skip_missed(table, slot))

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
        self._memory.handled(table.schedule, slot)
        self._run_task(self._deliver(table.schedule, slot), table.schedule)

    async def _deliver(self, schedule: Schedule, slot: datetime) -> None:
        """Hand the event over; an attempt that is refused is repeated within the schedule's own retry policy."""
        given_up_at = self._now() + timedelta(seconds=schedule.max_age)
        for attempt in count(1):
            event = payload(schedule, slot, self._place, attempt=attempt)
            try:
                with woken_by("schedule", schedule.name):
                    await self._invoker.invoke_event(schedule.function, event)
                return
            except SamletError as error:
                trouble = error
            say(schedule.name, f"attempt {attempt}: {trouble}", level="warning")
            pause = min(2.0 ** (attempt - 1), _LONGEST_PAUSE)
            too_late = self._now() + timedelta(seconds=pause) > given_up_at
            if why := given_up(schedule, trouble, attempt, too_late=too_late):
                await self._give_up(schedule, slot, event, why)
                return
            await self._sleep(pause)

    async def _give_up(self, schedule: Schedule, slot: datetime, event: bytes, why: Undelivered) -> None:
        text = f"the event of {slot:%Y-%m-%d %H:%M} UTC was not delivered"
        if queue := schedule.dead_letters:
            told = attributes(schedule, slot, self._place, why)
            try:
                await self._destinations.send(queue, event.decode(), told)
                text += f": sent to {queue}"
            except DeliveryFailed as lost:
                text += f", nor to {queue}: {lost}"
        say(schedule.name, text, level="error")


def _identity(schedule: Schedule) -> _Identity:
    return schedule.kind, schedule.group, schedule.name


def _slots(table: Timetable, after: datetime) -> Iterator[datetime]:
    while slot := table.next_after(after):
        yield slot
        after = slot


def _has_begun(table: Timetable) -> bool:
    start, end = table.schedule.start, table.schedule.end
    return (start is None or start <= table.created) and (end is None or table.created <= end)
