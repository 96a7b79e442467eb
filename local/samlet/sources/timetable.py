"""One schedule's slots: its expression, zone, start and end put together."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from samlet.errors import TemplateError
from samlet.model import Schedule
from samlet.sources.schedule_expression import At, Expression, Rate, latest_until, next_after, parse

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Timetable:
    """When one schedule is due; a rate counts from its start date, else from `created`."""

    schedule: Schedule
    expression: Expression
    zone: ZoneInfo
    created: datetime

    @property
    def is_rate(self) -> bool:
        """Whether the schedule has a fixed period."""
        return isinstance(self.expression, Rate)

    def next_after(self, instant: datetime) -> datetime | None:
        """The first slot later than `instant`, or None if the schedule has ended."""
        start, end = self._bounds
        if start and start > instant:
            slot = self._first_from(start)
        else:
            slot = next_after(self.expression, instant, self.zone, anchor=self._anchor)
        return slot if slot and (end is None or slot <= end) else None

    def latest_until(self, instant: datetime) -> datetime | None:
        """The last slot not later than `instant`, or None if there was none."""
        start, end = self._bounds
        limit = min(instant, end) if end else instant
        slot = latest_until(self.expression, limit, self.zone, anchor=self._anchor)
        return slot if slot and (start is None or slot >= start) else None

    @property
    def _bounds(self) -> tuple[datetime | None, datetime | None]:
        """The start and end dates, which Scheduler ignores for a schedule that runs once."""
        return (None, None) if isinstance(self.expression, At) else (self.schedule.start, self.schedule.end)

    @property
    def _anchor(self) -> datetime:
        return self.schedule.start or self.created

    def _first_from(self, start: datetime) -> datetime | None:
        just_before = start - _TICK
        return next_after(self.expression, just_before, self.zone, anchor=start)


def timetable(schedule: Schedule, created: datetime) -> Timetable:
    """The timetable of a schedule; raises TemplateError if its expression or its zone is wrong."""
    try:
        zone = ZoneInfo(schedule.timezone)
        return Timetable(schedule, parse(schedule.expression, schedule.kind), zone, created)
    except ZoneInfoNotFoundError as error:
        raise TemplateError(f"schedule {schedule.name}: no time zone {schedule.timezone}") from error
    except ValueError as error:
        raise TemplateError(f"schedule {schedule.name}: {error}") from error
