from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from samlet.sources.schedule_expression import Rate, latest_until, next_after, parse

ZONE = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("rate(1 minute)", timedelta(minutes=1)),
        ("rate(5 minutes)", timedelta(minutes=5)),
        ("rate( 1 hour )", timedelta(hours=1)),
        ("rate(2 days)", timedelta(days=2)),
    ],
)
def test_rules_take_rates(text: str, period: timedelta) -> None:
    assert parse(text, "rule") == Rate(period)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rate(1 minutes)", r"rate\(1 minute\)"),
        ("rate(5 minute)", r"rate\(5 minutes\)"),
        ("rate(0 minutes)", "above 0"),
        ("rate(1.5 hours)", "whole number"),
        ("rate(5 weeks)", "minutes, hours or days"),
        ("rate(5)", "minutes, hours or days"),
        ("rate(36526 days)", "longer than a hundred years"),
        ("rate(99999999999999999999 minutes)", "longer than a hundred years"),
        ("at(2030-01-01T00:00:00)", "AWS::Scheduler::Schedule"),
        ("every(5 minutes)", "no schedule expression"),
        ("", "no schedule expression"),
        ("cron(0 1 * * *)", "six fields"),
    ],
)
def test_rules_refuse_what_aws_refuses(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(text, "rule")


@pytest.mark.parametrize("text", ["rate(1 minutes)", "rate(1 days)", "rate(5 minute)", "at(2030-01-01T00:00:00)"])
def test_scheduler_is_laxer(text: str) -> None:
    assert parse(text, "scheduler")


@pytest.mark.parametrize("text", ["at(2030-01-01)", "at(2030-01-01T00:00:00Z)", "at(2030-13-01T00:00:00)", "at(soon)"])
def test_a_malformed_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse(text)


def test_a_rate_counts_from_its_anchor() -> None:
    rate = parse("rate(5 minutes)")
    anchor = NOON + timedelta(seconds=30)
    assert next_after(rate, NOON, ZONE, anchor=anchor) == anchor
    assert next_after(rate, anchor, ZONE, anchor=anchor) == anchor + timedelta(minutes=5)
    assert next_after(rate, anchor + timedelta(minutes=12), ZONE, anchor=anchor) == anchor + timedelta(minutes=15)
    assert next_after(rate, NOON, ZONE) == NOON + timedelta(minutes=5)


def test_a_day_of_a_rate_has_24_hours_across_dst() -> None:
    anchor = datetime(2026, 3, 28, 12, 0, tzinfo=BERLIN)
    found = next_after(parse("rate(1 day)"), anchor, BERLIN, anchor=anchor)
    assert found is not None
    assert found.astimezone(BERLIN).hour == 13


def test_at_names_one_moment_in_its_zone() -> None:
    at = parse("at(2026-07-01T08:00:00)")
    moment = datetime(2026, 7, 1, 6, 0, tzinfo=UTC)
    assert next_after(at, NOON, BERLIN) == moment
    assert next_after(at, moment, BERLIN) is None
    assert latest_until(at, moment, BERLIN) == moment
    assert latest_until(at, NOON, BERLIN) is None


def test_at_a_moment_that_dst_skips_never_comes() -> None:
    assert next_after(parse("at(2026-03-29T02:30:00)"), NOON, BERLIN) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cron(* * * * ? *)", NOON),
        ("cron(1 * * * ? *)", NOON - timedelta(minutes=59)),
        ("cron(30 3 * * ? *)", datetime(2026, 1, 1, 3, 30, tzinfo=UTC)),
        ("cron(0 13 * * ? *)", datetime(2025, 12, 31, 13, 0, tzinfo=UTC)),
        ("cron(0 0 2 * ? *)", datetime(2025, 12, 2, 0, 0, tzinfo=UTC)),
        ("cron(0 0 2 1 ? *)", datetime(2025, 1, 2, 0, 0, tzinfo=UTC)),
        ("cron(0 0 29 2 ? *)", datetime(2024, 2, 29, 0, 0, tzinfo=UTC)),
        ("cron(0 0 1 1 ? 2030)", None),
    ],
)
def test_the_latest_slot_is_found_backwards(text: str, expected: datetime | None) -> None:
    assert latest_until(parse(text), NOON, ZONE) == expected


def test_the_latest_slot_of_a_rate_needs_its_anchor() -> None:
    rate = parse("rate(5 minutes)")
    assert latest_until(rate, NOON, ZONE) is None
    assert latest_until(rate, NOON, ZONE, anchor=NOON + timedelta(minutes=1)) is None
    assert latest_until(rate, NOON, ZONE, anchor=NOON - timedelta(minutes=7)) == NOON - timedelta(minutes=2)


def test_a_rate_of_a_hundred_years_has_its_next_time() -> None:
    assert next_after(parse("rate(36525 days)"), NOON, ZONE) == NOON + timedelta(days=36_525)


@pytest.mark.parametrize(
    ("text", "zone"), [("at(0001-01-01T00:00:00)", "Europe/Berlin"), ("at(9999-12-31T23:59:59)", "America/New_York")]
)
def test_a_moment_at_the_ends_of_the_calendar_never_comes(text: str, zone: str) -> None:
    moment = parse(text)
    assert next_after(moment, NOON, ZoneInfo(zone)) is None
    assert latest_until(moment, NOON, ZoneInfo(zone)) is None
