"""Token buckets: what passes at once, and what after a while."""

from samlet.model import Throttle
from samlet.sources.throttling import TokenBucket


def taken(bucket: TokenBucket, now: float, times: int) -> int:
    return sum(bucket.take(now) for _ in range(times))


def test_a_burst_passes_at_once_and_no_more() -> None:
    assert taken(TokenBucket(Throttle(burst=5, rate=2), 0), 0, 20) == 5


def test_after_the_burst_the_rate_decides() -> None:
    bucket = TokenBucket(Throttle(burst=5, rate=2), 100)
    taken(bucket, 100, 5)
    assert taken(bucket, 101, 20) == 2
    assert taken(bucket, 101.25, 20) == 0
    assert taken(bucket, 101.5, 20) == 1


def test_a_long_silence_gives_no_more_than_the_burst() -> None:
    bucket = TokenBucket(Throttle(burst=5, rate=2), 0)
    taken(bucket, 0, 5)
    assert taken(bucket, 1_000, 20) == 5


def test_a_rate_of_less_than_one_a_second_adds_up() -> None:
    bucket = TokenBucket(Throttle(burst=1, rate=0.5), 0)
    assert [bucket.take(now) for now in (0, 1, 2, 3, 4)] == [True, False, True, False, True]


def test_a_burst_of_none_lets_nothing_pass() -> None:
    assert taken(TokenBucket(Throttle(burst=0, rate=100), 0), 50, 10) == 0


def test_a_clock_that_goes_back_gives_nothing_and_takes_nothing() -> None:
    bucket = TokenBucket(Throttle(burst=1, rate=1), 10)
    assert [bucket.take(now) for now in (10, 0, 0.5, 1)] == [True, False, False, True]
