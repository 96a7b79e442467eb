"""When a digest is due: from a user's zone and wall-clock time to UTC instants, and back to local dates.

The zones' rules hold three traps, and this module is the one place that knows them: a wall-clock time that a
zone skips means the first instant after the gap, a time that it repeats means the first of the two, and a date
that a zone skips as a whole (Samoa had no 30 December 2011) has no digest at all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

# The machine's own setting and the placeholder for "not set": files beside the zones, but no place on earth.
_NOT_A_PLACE = {"localtime", "Factory"}
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Digest:
    """The digest of one local date, and the UTC instant at which it falls due."""

    local_date: date
    due_at: datetime


@cache
def known_timezones() -> frozenset[str]:
    return frozenset(available_timezones() - _NOT_A_PLACE)


def is_timezone(name: str) -> bool:
    """Whether this is the name of an IANA zone, written exactly as IANA writes it."""
    return name in known_timezones()


def next_digest_at(timezone: str, at: time, after: datetime) -> datetime:
    """The first digest instant, in UTC, that lies strictly after an instant."""
    return next(digest.due_at for digest in _digests_from(timezone, at, after, -_DAY) if digest.due_at > after)


def newest_due(timezone: str, at: time, slot: datetime) -> Digest:
    """The digest of the newest local date whose instant a scheduled slot has reached."""
    # A clock that goes back over midnight can show yesterday while today's digest is already due.
    return next(digest for digest in _digests_from(timezone, at, slot, _DAY, step=-_DAY) if digest.due_at <= slot)


def _digests_from(
    timezone: str, at: time, instant: datetime, offset: timedelta, step: timedelta = _DAY
) -> Iterator[Digest]:
    day = instant.astimezone(ZoneInfo(timezone)).date() + offset
    while True:
        due_at = digest_instant(timezone, at, day)
        if due_at is not None:
            yield Digest(day, due_at)
        day += step


@lru_cache(maxsize=8192)
def digest_instant(timezone: str, at: time, day: date) -> datetime | None:
    """The UTC instant of a local date's digest; None where the zone skipped that date."""
    zone = ZoneInfo(timezone)
    wall = datetime.combine(day, at.replace(second=0, microsecond=0, tzinfo=None, fold=0))
    # Without a fold, zoneinfo takes the first of two repeated times, and in a gap the offset before it.
    instant = wall.replace(tzinfo=zone).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None, fold=0) == wall:
        return instant
    gap_end = _end_of_gap(zone, wall.replace(tzinfo=zone, fold=1).astimezone(UTC), instant)
    before = (gap_end - _SECOND).astimezone(zone).date()
    return None if before < day < gap_end.astimezone(zone).date() else gap_end


def _end_of_gap(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first second with the later offset, between an instant before a transition and one after it."""
    earlier_offset = before.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + timedelta(seconds=(after - before) // _SECOND // 2)
        if middle.astimezone(zone).utcoffset() == earlier_offset:
            before = middle
        else:
            after = middle
    return after
