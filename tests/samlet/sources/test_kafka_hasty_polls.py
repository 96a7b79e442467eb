"""Members that look at their group for moments only: what a rebalance gives them they take up, and then it is over."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from kafka_stage import add_partitions, make_topic
from samlet.cluster import Start
from samlet.kafka_client import KafkaCluster
from waiting import eventually

MOMENT = 0.001  # seconds, shorter than any rebalance takes
REFRESHED = 3.0  # seconds, in which a client hears anew what partitions there are


class Member:
    """Polls in a thread of its own, as a client may block until the others have come."""

    def __init__(self, servers: str, topic: str) -> None:
        self.partitions: frozenset[int] = frozenset()
        self.assignments = 0
        self.stopped = threading.Event()
        self._servers, self._topic = servers, topic
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.stopped.set()
        self._thread.join(30)

    def _run(self) -> None:
        group = KafkaCluster(self._servers).join(self._topic, self._topic, Start(), self._resume_at)
        while not self.stopped.wait(0.01):  # in which what a poll has asked for is answered
            group.poll(MOMENT)
            self.partitions = group.partitions() or frozenset()
        group.close()

    def _resume_at(self, partition: int) -> int:
        self.assignments += partition in self.partitions
        return 0


@contextmanager
def members(servers: str, topic: str, count: int) -> Iterator[list[Member]]:
    group = [Member(servers, topic) for _ in range(count)]
    try:
        yield group
    finally:
        for member in group:
            member.stopped.set()
        for member in group:
            member.stop()


def have(group: list[Member], partitions: int) -> bool:
    """Whether the members have that many partitions between them, each in one hand, and none goes without."""
    shares = [member.partitions for member in group]
    return all(shares) and sorted(number for share in shares for number in share) == list(range(partitions))


def quiet(group: list[Member]) -> Callable[[], bool]:
    """Whether nobody has parted them again for a while: once more may be due to what was heard meanwhile."""
    told, since = 0, time.monotonic()

    def still() -> bool:
        nonlocal told, since
        now = sum(member.assignments for member in group)
        if now != told:
            told, since = now, time.monotonic()
        return time.monotonic() - since > REFRESHED

    return still


@pytest.mark.parametrize("count", [1, 2])
def test_partitions_that_are_added_one_by_one_are_taken_up_at_once(kafka: str, count: int) -> None:
    topic = f"hasty-{uuid.uuid4().hex[:8]}"
    make_topic(kafka, topic, count)
    with members(kafka, topic, count) as group:
        eventually(lambda: have(group, count), 60)
        for partitions in range(count + 1, count + 3):
            add_partitions(kafka, topic, partitions)
            eventually(lambda wanted=partitions: have(group, wanted), 30)  # type: ignore[misc]
        eventually(quiet(group), 30)
