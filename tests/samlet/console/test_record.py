"""The record of invocations: what it keeps, how much of it, and what it counts."""

from console_stand import handled
from samlet.console.figures import Figures, percentile
from samlet.console.record import LARGEST_LOG, LARGEST_PAYLOAD, Record
from samlet.runtime import Outcome, woken_by


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_an_invocation_is_kept_with_event_answer_lines_and_outcome() -> None:
    clock = Clock()
    record = Record(clock=clock)
    record.began("Tick", "r1", b'{"a": 1}', "live")
    clock.now += 1
    record.printed("Tick", "r1", "hello")
    clock.now += 1
    record.ended("Tick", Outcome("r1", b"42", None, b"", 12.5, 80.0, 64))
    found = record.find("r1")
    assert found
    assert (found.state, found.event, found.answer, found.qualifier) == ("ok", b'{"a": 1}', b"42", "live")
    assert (found.began, found.ended, found.lines[0].at, found.lines[0].text) == (1_000, 1_002, 1_001, "hello")
    assert found.outcome
    assert found.outcome.init_ms == 80


def test_an_error_a_throttle_and_what_samlet_broke_off_are_told_apart() -> None:
    record = Record()
    handled(record, request_id="failed", answer=b'{"errorMessage": "no"}', error="Unhandled")
    record.refused("Tick", "refused", b"{}", "all are busy")
    record.began("Tick", "broken", b"{}", None)
    record.broke("Tick", "broken", "CancelledError: ")
    states = {one.request_id: (one.state, one.error) for one in record.newest()}
    assert states == {
        "failed": ("error", '{"errorMessage": "no"}'),
        "refused": ("throttled", "all are busy"),
        "broken": ("error", "CancelledError: "),
    }


def test_the_oldest_go_when_there_are_too_many() -> None:
    record = Record(most=3)
    for number in range(5):
        handled(record, request_id=f"r{number}")
    assert [one.request_id for one in record.newest()] == ["r4", "r3", "r2"]
    assert record.forgotten == 2


def test_the_oldest_go_when_they_take_too_many_bytes() -> None:
    record = Record(most_bytes=100_000)
    for number in range(50):
        handled(record, request_id=f"r{number}", event=b"x" * 10_000, answer=b"y" * 10_000, lines=["z" * 1_000])
    kept = list(record.newest())
    assert 3 <= len(kept) <= 5
    assert sum(one.size for one in kept) <= 100_000
    assert kept[0].request_id == "r49"


def test_what_still_runs_outlives_what_is_over() -> None:
    record = Record(most=3)
    record.began("Relay", "long", b"{}", None)
    for number in range(20):
        handled(record, request_id=f"r{number}")
    record.ended("Relay", Outcome("long", b"1"))
    found = record.find("long")
    assert found
    assert found.state == "ok"


def test_a_record_full_of_what_runs_forgets_all_the_same() -> None:
    record = Record(most=3)
    for number in range(10):
        record.began("Relay", f"r{number}", b"{}", None)
    assert len(list(record.newest())) == 3
    record.ended("Relay", Outcome("r0", b"1"))
    assert record.find("r0") is None


def test_large_events_and_answers_are_kept_in_part_and_say_so() -> None:
    record = Record()
    handled(record, event=b"x" * (LARGEST_PAYLOAD + 1), answer=b"y" * (LARGEST_PAYLOAD + 2))
    found = record.find("r1")
    assert found
    assert (len(found.event), found.event_size, found.whole) == (LARGEST_PAYLOAD, LARGEST_PAYLOAD + 1, False)
    assert (len(found.answer), found.answer_size) == (LARGEST_PAYLOAD, LARGEST_PAYLOAD + 2)


def test_of_a_long_log_the_newest_lines_stay() -> None:
    record = Record()
    record.began("Tick", "r1", b"{}", None)
    for number in range(1_000):
        record.printed("Tick", "r1", f"{number} " + "x" * 200)
    record.printed("Tick", "r1", "y" * LARGEST_LOG * 2)
    found = record.find("r1")
    assert found
    assert len(found.lines) == 1
    assert found.lines_left_out == 1_000
    assert len(found.lines[0].text) == LARGEST_LOG + 1


def test_a_line_between_events_belongs_to_none() -> None:
    record = Record()
    handled(record)
    record.printed("Tick", "", "late")
    record.printed("Tick", "r1", "too late")
    found = record.find("r1")
    assert found
    assert found.lines == []


def test_the_attempts_of_one_event_are_told_apart() -> None:
    record = Record()
    handled(record, error="Unhandled")
    handled(record, error=None)
    assert [(one.key, one.attempt, one.state) for one in record.newest()] == [("r1.2", 2, "ok"), ("r1", 1, "error")]


def test_what_a_source_says_is_kept_and_ends_with_it() -> None:
    record = Record()
    with woken_by("schedule", "nightly"):
        handled(record, request_id="by schedule")
    handled(record, request_id="by nobody")
    found = {one.request_id: one.woken and one.woken.name for one in record.newest()}
    assert found == {"by schedule": "nightly", "by nobody": None}


def test_each_change_has_a_version_of_its_own_and_the_newest_comes_first() -> None:
    record = Record()
    record.began("Tick", "slow", b"{}", None)
    handled(record, request_id="quick")
    before = record.version
    record.printed("Tick", "slow", "still there")
    newest = next(iter(record.newest()))
    assert (newest.request_id, newest.version) == ("slow", before + 1)


def test_figures_count_what_happened() -> None:
    record = Record()
    handled(record, duration_ms=10.0, init_ms=50.0, memory_used=40)
    handled(record, request_id="r2", duration_ms=30.0, memory_used=60, error="Unhandled", answer=b"broken")
    record.refused("Tick", "r3", b"{}", "busy")
    told = record.figures["Tick"].told(record.find("r1").began)  # type: ignore[union-attr]
    counts = [told[name] for name in ("invocations", "errors", "throttles", "cold_starts", "memory_used")]
    assert counts == [2, 1, 1, 1, 60]
    assert (told["p50"], told["p99"], told["last_minute"]) == (10.0, 30.0, 2)
    assert (told["last_error"]["request_id"], told["last_error"]["error"]) == ("r2", "broken")


def test_the_rate_is_of_the_last_minute() -> None:
    figures = Figures()
    for second in range(0, 120, 10):
        figures.began(1_000.0 + second)
    assert figures.told(1_110.0)["last_minute"] == 6
    assert figures.told(1_150.0)["last_minute"] == 2
    assert figures.told(9_000.0)["last_minute"] == 0


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(number) for number in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile([7.0], 0.99)) == (50.0, 99.0, 7.0)
    assert percentile([], 0.5) is None
