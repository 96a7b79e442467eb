"""When a refused event is tried again, and when it is given up."""

from datetime import UTC, datetime, timedelta

from outbox_relay.verdicts import MAX_ATTEMPTS, after_refusal
from taskflow.records import RecordRefused

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def test_the_waits_double_and_the_last_refusal_is_death() -> None:
    verdicts = [after_refusal(RecordRefused("too large"), before, NOW) for before in range(MAX_ATTEMPTS)]
    waits = [verdict.next_attempt_at - NOW for verdict in verdicts if verdict.next_attempt_at]
    assert waits == [timedelta(seconds=seconds) for seconds in (1, 2, 4, 8, 16)]
    assert [verdict.dead_at for verdict in verdicts] == [None] * 5 + [NOW]
    assert [verdict.attempts for verdict in verdicts] == [1, 2, 3, 4, 5, 6]
    assert {verdict.error for verdict in verdicts} == {"too large"}
