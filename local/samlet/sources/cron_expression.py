"""AWS's cron expressions: six fields, weekdays from SUN = 1, and the words L, W and #.

Minutes, hours, day of month, month, day of week, year; one of the two day fields is `?`. Ranges may wrap (`20-2`,
`FRI-MON`) in every field but the year.
"""

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_WEEKDAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}

type Days = Callable[[int, int], set[int]]
"""The matching days of a month, from year and month."""


@dataclass(frozen=True)
class Cron:
    """A parsed expression: the values of each field in rising order, and a rule for the days."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: Days
    months: tuple[int, ...]
    years: tuple[int, ...]

    def next_after(self, instant: datetime, timezone: ZoneInfo) -> datetime | None:
        """The first match later than `instant`, in UTC; a time that DST skips is left out, one it repeats runs once."""
        local = instant.astimezone(timezone)
        for day in self._dates(local.date()):
            # Wall-clock times before the current hour are past even where DST repeats that hour: the first pass counts.
            earliest = local.hour if day == local.date() else 0
            for hour in (hour for hour in self.hours if hour >= earliest):
                for minute in self.minutes:
                    found = on_the_clock(datetime.combine(day, time(hour, minute)), timezone)
                    if found and found > instant:
                        return found
        return None

    def _dates(self, start: date) -> Iterator[date]:
        for year in (year for year in self.years if year >= start.year):
            for month in self.months:
                if (year, month) >= (start.year, start.month):
                    dates = (date(year, month, day) for day in sorted(self.days(year, month)))
                    yield from (day for day in dates if day >= start)


def on_the_clock(wall: datetime, timezone: ZoneInfo) -> datetime | None:
    """The instant, in UTC, at which clocks of the zone first show `wall`; None if it never comes."""
    try:
        instant = wall.replace(tzinfo=timezone, fold=0).astimezone(UTC)
    except OverflowError:
        return None
    return instant if instant.astimezone(timezone).replace(tzinfo=None) == wall else None


def parse_cron(fields: str) -> Cron:
    """Parses what stands in the parentheses of `cron(…)`; raises ValueError that names the field."""
    parts = fields.split()
    if len(parts) != 6:
        raise ValueError(f"a cron expression has six fields, not {len(parts)}")
    minutes, hours, day_of_month, month, day_of_week, year = (part.upper() for part in parts)
    if (day_of_month == "?") == (day_of_week == "?"):
        raise ValueError("one of day-of-month and day-of-week must be ?, and only one")
    return Cron(
        minutes=_Field("minutes", 0, 59).values(minutes),
        hours=_Field("hours", 0, 23).values(hours),
        days=_weekday_rule(day_of_week) if day_of_month == "?" else _month_day_rule(day_of_month),
        months=_Field("month", 1, 12, _MONTHS).values(month),
        years=_Field("year", 1970, 2199, wraps=False).values(year),
    )


class _Field:
    """One field: its name for errors, its bounds and the names of its values."""

    def __init__(self, name: str, low: int, high: int, names: dict[str, int] | None = None, *, wraps: bool = True):
        self._name = name
        self._low = low
        self._high = high
        self._names = names or {}
        self._wraps = wraps

    def values(self, text: str) -> tuple[int, ...]:
        """The values of a comma-separated list of items."""
        return tuple(sorted({value for item in text.split(",") for value in self._item(item)}))

    def number(self, text: str) -> int:
        """One value, by number or by name."""
        value = self._names.get(text) or (int(text) if re.fullmatch(r"[0-9]+", text) else None)
        if value is None or not self._low <= value <= self._high:
            raise ValueError(f"{self._name}: {text or 'nothing'} is not from {self._low} to {self._high}")
        return value

    def _item(self, item: str) -> list[int]:
        span, slash, step_text = item.partition("/")
        if slash and (not re.fullmatch(r"[0-9]+", step_text) or int(step_text) == 0):
            raise ValueError(f"{self._name}: {item} has no whole step above 0")
        first, dash, last = span.partition("-")
        if span == "*":
            values = self._range(self._low, self._high)
        elif dash:
            values = self._range(self.number(first), self.number(last))
        else:
            start = self.number(span)
            values = self._range(start, self._high if slash else start)
        return values[:: int(step_text) if slash else 1]

    def _range(self, first: int, last: int) -> list[int]:
        if first <= last:
            return list(range(first, last + 1))
        if not self._wraps:
            raise ValueError(f"{self._name}: {first}-{last} runs backwards")
        return [*range(first, self._high + 1), *range(self._low, last + 1)]


def _month_day_rule(text: str) -> Days:
    field = _Field("day-of-month", 1, 31)
    if text == "LW":
        return lambda year, month: {_nearest_weekday(year, month, _length(year, month))}
    if last := re.fullmatch(r"L(?:-([0-9]+))?", text):
        before = int(last[1] or 0)
        return lambda year, month: {_length(year, month) - before} if before < _length(year, month) else set()
    if weekday := re.fullmatch(r"([0-9]+)W", text):
        day = field.number(weekday[1])
        return lambda year, month: {_nearest_weekday(year, month, day)} if day <= _length(year, month) else set()
    days = frozenset(field.values(text))
    return lambda year, month: {day for day in days if day <= _length(year, month)}


def _weekday_rule(text: str) -> Days:
    field = _Field("day-of-week", 1, 7, _WEEKDAYS)
    if text.count("#") > 1:
        raise ValueError("day-of-week: only one # may stand in it")
    if numbered := re.fullmatch(r"(\w+)#([1-5])", text):
        weekday, nth = field.number(numbered[1]), int(numbered[2])
        return lambda year, month: set(_weekdays(year, month, {weekday})[nth - 1 : nth])
    if last := re.fullmatch(r"(\w+)L", text):
        final = field.number(last[1])
        return lambda year, month: set(_weekdays(year, month, {final})[-1:])
    weekdays = {7} if text == "L" else set(field.values(text))
    return lambda year, month: set(_weekdays(year, month, weekdays))


def _length(year: int, month: int) -> int:
    return calendar.monthrange(year, month)[1]


def _weekdays(year: int, month: int, weekdays: set[int]) -> list[int]:
    """The days of the month that fall on `weekdays`, SUN = 1."""
    first = date(year, month, 1).isoweekday() % 7
    return [day for day in range(1, _length(year, month) + 1) if (first + day - 1) % 7 + 1 in weekdays]


def _nearest_weekday(year: int, month: int, day: int) -> int:
    """The working day nearest to `day`, within the month."""
    weekday = date(year, month, day).isoweekday()
    if weekday == 6:
        return day - 1 if day > 1 else day + 2
    if weekday == 7:
        return day + 1 if day < _length(year, month) else day - 2
    return day
