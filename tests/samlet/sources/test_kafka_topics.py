"""Topics, read and followed."""

import threading
import uuid

from kafka_stage import make_topic, record
from samlet.cluster import Record
from samlet.kafka_client import KafkaCluster, follow_topic, read_topic
from waiting import eventually


async def test_a_topic_is_read_to_its_end_and_followed_beyond_it(kafka: str) -> None:
    cluster, topic = KafkaCluster(kafka), f"read-{uuid.uuid4().hex[:8]}"
    make_topic(kafka, topic)
    cluster.send(topic, [record(1), record(2, headers=(("h", b"x"),))])
    read = list(read_topic(kafka, topic))
    assert [(one.offset, one.value) for one in read] == [(0, b"1"), (1, b"2")]
    assert (read[1].key, read[1].headers) == (b"key", (("h", b"x"),))
    seen: list[Record] = []
    stopped = threading.Event()

    def follow() -> None:
        for one in follow_topic(kafka, topic, stopped):
            seen.append(one)  # noqa: PERF402  # one by one, as they come

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    eventually(lambda: len(seen) == 2, 30)
    cluster.send(topic, [record(3)])
    eventually(lambda: len(seen) == 3, 30)
    stopped.set()
    follower.join(10)
    assert [one.value for one in seen] == [b"1", b"2", b"3"]
    assert list(read_topic(kafka, "no-such-topic")) == []
