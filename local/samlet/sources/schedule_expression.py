"""Schedule expressions, `cron(…)`, `rate(…)` and `at(…)`, and the instants that they name.

Everything here is a pure function of its arguments: the clock is passed in.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from samlet.sources.cron_expression import Cron, on_the_clock, parse_cron

_UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
_LONGEST = timedelta(days=36_525)  # a hundred years; longer ones lead out of the calendar
_LOOK_BACK = tuple(timedelta(days=days) for days in (1 / 24, 1, 32, 366, 9 * 366))


@dataclass(frozen=True)
class Rate:
    """A fixed period; a day is 24 hours."""

    period: timedelta


@dataclass(frozen=True)
class At:
    """One moment on the clock of the schedule's zone."""

    wall: datetime


type Expression = Cron | Rate | At


def parse(text: str, kind: Literal["rule", "scheduler"] = "scheduler") -> Expression:
    """Parses an expression as rules or as EventBridge Scheduler take it; raises ValueError that says what is wrong."""
    match = re.fullmatch(r"\s*(cron|rate|at)\s*\(([^()]*)\)\s*", text)
    if not match:
        raise ValueError(f"{text} is no schedule expression; it looks like cron(…), rate(…) or at(…)")
    form, inner = match[1], match[2].strip()
    if form == "cron":
        return parse_cron(inner)
    if form == "rate":
        return _parse_rate(inner, kind)
    if kind == "rule":
        raise ValueError("rules take cron(…) and rate(…); at(…) belongs to AWS::Scheduler::Schedule")
    return _parse_at(inner)


def next_after(
    expression: Expression, instant: datetime, timezone: ZoneInfo, *, anchor: datetime | None = None
) -> datetime | None:
    """The first moment after `instant`, in UTC, or None; a rate counts its periods from `anchor`, else `instant`."""
    if isinstance(expression, Cron):
        return expression.next_after(instant, timezone)
    if isinstance(expression, At):
        moment = on_the_clock(expression.wall, timezone)
        return moment if moment and moment > instant else None
    start = (anchor or instant).astimezone(UTC)
    if start > instant:
        return start
    return start + expression.period * ((instant - start) // expression.period + 1)


def latest_until(
    expression: Expression, instant: datetime, timezone: ZoneInfo, *, anchor: datetime | None = None
) -> datetime | None:
    """The last moment not later than `instant`, in UTC, or None; it looks back nine years, for 29 February."""
    if isinstance(expression, Rate):
        if anchor is None or anchor > instant:
            return None
        return anchor.astimezone(UTC) + expression.period * ((instant - anchor) // expression.period)
    if isinstance(expression, At):
        moment = on_the_clock(expression.wall, timezone)
        return moment if moment and moment <= instant else None
    for window in _LOOK_BACK:
        found = expression.next_after(instant - window, timezone)
        if found and found <= instant:
            while (following := expression.next_after(found, timezone)) and following <= instant:
                found = following
            return found
    return None


def _parse_rate(inner: str, kind: str) -> Rate:
    match = re.fullmatch(r"([1-9][0-9]*)\s+(minute|hour|day)(s?)", inner)
    if not match:
        raise ValueError(f"rate({inner}) needs a whole number above 0 and minutes, hours or days")
    number, unit, plural = int(match[1]), match[2], bool(match[3])
    if kind == "rule" and plural != (number > 1):
        raise ValueError(f"rules want rate({number} {unit}{'s' if number > 1 else ''}), not rate({inner})")
    if number > _LONGEST // _UNITS[unit]:
        raise ValueError(f"rate({inner}) is longer than a hundred years")
    return Rate(_UNITS[unit] * number)


def _parse_at(inner: str) -> At:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", inner):
        raise ValueError(f"at({inner}) needs a time such as at(2030-01-31T08:00:00)")
    return At(datetime.fromisoformat(inner))
