"""A function that is slower than its topic: what waits is bounded, and nothing is lost by waiting."""

import uuid

from kafka_stage import FakeFunctions, fill, make_topic, record, running
from samlet.kafka_client import KafkaCluster
from waiting import eventually_async

BACKLOG = 30_000


async def test_a_backlog_that_is_larger_than_what_may_wait_is_read_without_a_gap(kafka: str) -> None:
    topic = f"backlog-{uuid.uuid4().hex[:8]}"
    make_topic(kafka, topic)
    fill(kafka, topic, (record(number) for number in range(BACKLOG)))
    functions = FakeFunctions()
    async with running(functions, KafkaCluster(kafka), topic=topic, group_id=topic, window=0.5) as source:
        await eventually_async(lambda: source.status()["lag"] == 0 and functions.events, 60)
    assert functions.values == list(range(BACKLOG))
