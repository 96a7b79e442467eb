"""G4's arithmetic: one digest instant per local date, in every zone, whatever its clocks do."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest

from taskflow.digest_time import digest_instant, is_timezone, known_timezones, newest_due, next_digest_at

ZONES = sorted(known_timezones())
TWO_YEARS = [date(2026, 1, 1) + timedelta(days=number) for number in range(730)]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# Every zone, for years: a million steps, which take twice as long when each is written down as covered once more.
@pytest.mark.no_cover
@pytest.mark.parametrize("at", [time(0), time(2, 30), time(23, 59)], ids=str)
def test_every_zone_has_exactly_one_instant_for_every_date_of_two_years(at: time) -> None:
    for zone in ZONES:
        instants = [digest_instant(zone, at, day) for day in TWO_YEARS]
        assert None not in instants, zone
        assert all(a < b for a, b in pairwise(instants)), zone  # type: ignore[operator]


@pytest.mark.no_cover
def test_walking_from_instant_to_instant_meets_every_date_of_two_years_once() -> None:
    for zone in ZONES:
        start = digest_instant(zone, time(0), TWO_YEARS[0])
        assert start is not None
        met: list[date] = []
        moment = start
        while len(met) < len(TWO_YEARS):
            digest = newest_due(zone, time(0), moment)
            assert digest.due_at == moment, zone
            met.append(digest.local_date)
            moment = next_digest_at(zone, time(0), moment)
        assert met == TWO_YEARS, zone


@pytest.mark.parametrize(
    ("zone", "at", "day", "instant"),
    [
        ("UTC", "00:00", "2026-03-01", "2026-03-01T00:00"),
        ("Asia/Kathmandu", "00:00", "2026-03-01", "2026-02-28T18:15"),
        ("Australia/Sydney", "09:00", "2026-01-10", "2026-01-09T22:00"),
        ("Europe/Berlin", "02:30", "2026-03-29", "2026-03-29T01:00"),  # skipped: 03:00 is the first valid instant
        ("Europe/Berlin", "02:30", "2026-10-25", "2026-10-25T00:30"),  # repeated: the first of the two
        ("America/Havana", "00:00", "2026-03-08", "2026-03-08T05:00"),  # midnight itself is skipped
        ("America/Havana", "00:30", "2026-11-01", "2026-11-01T04:30"),  # the first half past midnight
        ("America/Nuuk", "23:30", "2025-03-29", "2025-03-30T01:00"),  # the gap ends on the next date
        ("Australia/Lord_Howe", "02:15", "2026-10-04", "2026-10-03T15:30"),  # a gap of half an hour
        ("Pacific/Apia", "00:00", "2011-12-31", "2011-12-30T10:00"),  # the date after the one that never was
        ("Africa/Casablanca", "02:30", "2026-02-15", "2026-02-15T01:30"),  # the first of two, before Ramadan
    ],
)
def test_the_instant_of_a_date(zone: str, at: str, day: str, instant: str) -> None:
    assert digest_instant(zone, time.fromisoformat(at), date.fromisoformat(day)) == utc(instant)


@pytest.mark.parametrize(("zone", "day"), [("Pacific/Apia", "2011-12-30"), ("Pacific/Kwajalein", "1993-08-21")])
def test_a_date_that_a_zone_skipped_has_no_digest(zone: str, day: str) -> None:
    skipped = date.fromisoformat(day)
    assert digest_instant(zone, time(7), skipped) is None
    before = digest_instant(zone, time(7), skipped - timedelta(days=1))
    after = digest_instant(zone, time(7), skipped + timedelta(days=1))
    assert before is not None
    assert after is not None
    assert next_digest_at(zone, time(7), before) == after
    assert newest_due(zone, time(7), after - timedelta(minutes=1)).local_date == skipped - timedelta(days=1)


def test_the_next_digest_lies_strictly_after_the_moment() -> None:
    due = utc("2026-06-01T22:00")
    assert next_digest_at("Europe/Berlin", time(0), due) == due + timedelta(days=1)
    assert next_digest_at("Europe/Berlin", time(0), due - timedelta(seconds=1)) == due


def test_who_registers_after_the_digest_time_first_gets_the_next_date() -> None:
    registered = utc("2026-06-01T09:00")
    first = next_digest_at("UTC", time(8), registered)
    assert newest_due("UTC", time(8), first).local_date == date(2026, 6, 2)


def test_after_an_outage_the_newest_date_is_due() -> None:
    assert newest_due("Asia/Tokyo", time(0), utc("2026-06-04T15:15")).local_date == date(2026, 6, 5)


def test_a_clock_that_goes_back_over_midnight_does_not_take_the_new_date_back() -> None:
    # St John's went back at 00:01, so that it showed 23:30 of the day before once more.
    again_yesterday = utc("2010-11-07T03:00")
    assert newest_due("America/St_Johns", time(0), again_yesterday).local_date == date(2010, 11, 7)
    assert next_digest_at("America/St_Johns", time(0), again_yesterday) == utc("2010-11-08T03:30")


def test_seconds_of_a_digest_time_do_not_count() -> None:
    assert digest_instant("UTC", time(8, 30, 59), date(2026, 1, 1)) == utc("2026-01-01T08:30")


@pytest.mark.parametrize("name", ["Europe/Berlin", "Asia/Kathmandu", "UTC", "Etc/GMT+12"])
def test_iana_zones_are_known(name: str) -> None:
    assert is_timezone(name)


@pytest.mark.parametrize("name", ["", "europe/berlin", "Mars/Olympus", "localtime", "Factory", "../x", "UTC+2"])
def test_other_names_are_not(name: str) -> None:
    assert not is_timezone(name)
