"""Whose turn it is, as a table."""

from datetime import UTC, datetime, timedelta

import pytest

from mail_sender.claims import MAX_ATTEMPTS, Seen, Turn, back_off, turn

NOW = datetime(2026, 6, 2, tzinfo=UTC)
PAST, FUTURE = NOW - timedelta(seconds=1), NOW + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (Seen(PAST, None, None, None, 0), Turn.LEAVE),  # processed_at and nothing else counts as sent
        (Seen(PAST, "sent", None, None, 1), Turn.LEAVE),
        (Seen(PAST, "unknown", PAST, PAST, 1), Turn.LEAVE),
        (Seen(None, None, None, None, 0), Turn.TAKE),
        (Seen(None, "claimed", FUTURE, FUTURE, 1), Turn.LEAVE),
        (Seen(None, "claimed", PAST, PAST, 1), Turn.TAKE),
        (Seen(None, "claimed", NOW, NOW, 1), Turn.TAKE),
        (Seen(None, "claimed", PAST, PAST, MAX_ATTEMPTS), Turn.EXHAUSTED),
        (Seen(None, "dispatching", FUTURE, FUTURE, 1), Turn.LEAVE),
        (Seen(None, "dispatching", PAST, PAST, 1), Turn.LOST),
        (Seen(None, "dispatching", PAST, PAST, MAX_ATTEMPTS), Turn.LOST),
        (Seen(None, "retry", None, FUTURE, 3), Turn.LEAVE),
        (Seen(None, "retry", None, PAST, 3), Turn.TAKE),
        (Seen(None, "retry", None, NOW, 3), Turn.TAKE),
    ],
)
def test_whose_turn_it_is(row: Seen, expected: Turn) -> None:
    assert turn(row, NOW) is expected


def test_the_back_off_doubles_up_to_four_hours_and_lasts_more_than_a_day() -> None:
    waits = [back_off(attempts) for attempts in range(1, MAX_ATTEMPTS)]
    assert waits[:3] == [timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=4)]
    assert max(waits) == timedelta(hours=4)
    assert timedelta(days=1) < sum(waits, timedelta()) < timedelta(days=3)
