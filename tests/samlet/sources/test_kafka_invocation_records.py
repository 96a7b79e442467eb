"""What queues, topics and buckets are told of batches that a mapping gives up."""

import json
import re
import time
from typing import Any

import pytest

from kafka_stage import FAILED, FakeFunctions, committed, failure, record, running
from samlet.errors import DeliveryFailed
from samlet.memory_kafka import MemoryCluster
from samlet.runtime.destination_client import Attributes, DestinationClient
from samlet.sources.kafka_event import LARGEST_EVENT
from waiting import eventually_async

QUEUE = "arn:aws:sqs:eu-central-1:000000000000:Dead"
BUCKET = "arn:aws:s3:::dead"
SERVERS = "broker:9092"


class Box(DestinationClient):
    """Keeps what is sent; refuses the first ones."""

    def __init__(self, refusals: int = 0) -> None:
        super().__init__()
        self.sent: list[tuple[str, Any]] = []
        self.stored: list[tuple[str, str, Any]] = []
        self.refusals = refusals

    async def send(
        self, arn: str, text: str, attributes: Attributes | None = None, *, subject: str | None = None
    ) -> None:
        self.refusals -= 1
        if self.refusals >= 0:
            raise DeliveryFailed("the queue is gone")
        assert attributes is None
        self.sent.append((arn, json.loads(text)))

    async def store(self, arn: str, key: str, text: str) -> None:
        self.stored.append((arn, key, json.loads(text)))


async def test_a_queue_gets_the_record_of_a_failed_batch_with_each_partitions_place(cluster: MemoryCluster) -> None:
    for partition, at in ((0, 1_000), (0, 2_500), (1, 3_000)):
        cluster.append("events", record("x", partition, timestamp=at))
    box, functions = Box(), FakeFunctions(lambda _: FAILED)
    async with running(functions, cluster, box, batch_size=3, window=5.0, max_retries=2, on_failure=QUEUE):
        await eventually_async(lambda: (committed(cluster, 0), committed(cluster, 1)) == (2, 1))
    [(arn, told)] = box.sent
    assert arn == QUEUE
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told.pop("timestamp"))
    size = len(json.dumps(functions.events[0], separators=(",", ":")))
    assert told == {
        "version": "1.0",
        "requestContext": {
            "requestId": "id",
            "functionArn": "arn:function",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 3,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "KafkaBatchInfo": {
            "batchSize": 3,
            "bootstrapServers": SERVERS,
            "payloadSize": size,
            "recordsInfo": {
                "events-0": {
                    "firstRecordOffset": "0",
                    "lastRecordOffset": "1",
                    "firstRecordTimestamp": "1970-01-01T00:00:01.000Z",
                    "lastRecordTimestamp": "1970-01-01T00:00:02.500Z",
                },
                "events-1": {
                    "firstRecordOffset": "0",
                    "lastRecordOffset": "0",
                    "firstRecordTimestamp": "1970-01-01T00:00:03.000Z",
                    "lastRecordTimestamp": "1970-01-01T00:00:03.000Z",
                },
            },
        },
    }


async def test_a_bucket_gets_the_whole_event_as_well(cluster: MemoryCluster) -> None:
    cluster.append("events", record("x"))
    box, functions = Box(), FakeFunctions(lambda _: FAILED)
    msk = "arn:aws:kafka:eu-central-1:000000000000:cluster/c/1"
    async with running(functions, cluster, box, max_retries=0, on_failure=BUCKET, source_arn=msk):
        await eventually_async(lambda: committed(cluster) == 1)
    [(arn, key, told)] = box.stored
    place = r"aws/lambda/Mapping/events-0/\d{4}/\d\d/\d\d/\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d-[0-9a-f-]{36}"
    assert (arn, box.sent) == (BUCKET, [])
    assert re.fullmatch(place, key)
    assert json.loads(told["payload"]) == functions.events[0]
    assert told["KafkaBatchInfo"]["eventSourceArn"] == msk
    assert told["KafkaBatchInfo"]["payloadSize"] == len(told["payload"])


async def test_what_is_too_old_or_too_large_is_told_without_an_answer(cluster: MemoryCluster) -> None:
    cluster.append("events", record("old", 0, timestamp=int((time.time() - 100) * 1000)))
    cluster.append("events", record("x" * LARGEST_EVENT, 1))
    box = Box()
    async with running(FakeFunctions(), cluster, box, max_age=60, on_failure=QUEUE):
        await eventually_async(lambda: (committed(cluster, 0), committed(cluster, 1)) == (1, 1))
    told = {next(iter(each["KafkaBatchInfo"]["recordsInfo"])): each for _, each in box.sent}
    assert told["events-0"]["requestContext"]["condition"] == "RecordAgeExpired"
    assert told["events-1"]["requestContext"]["condition"] == "MaximumPayloadSizeExceeded"
    for each in told.values():
        assert (each["responseContext"], each["requestContext"]["approximateInvokeCount"]) == (None, 0)


async def test_after_partial_failures_only_what_failed_is_told_and_no_error_of_the_function(
    cluster: MemoryCluster,
) -> None:
    for number in range(4):
        cluster.append("events", record(number))
    functions = FakeFunctions(lambda values: failure(3) if 3 in values else None)
    box = Box()
    async with running(functions, cluster, box, max_retries=1, partial_failures=True, on_failure=QUEUE):
        await eventually_async(lambda: committed(cluster) == 4)
    [(_, told)] = box.sent
    assert told["KafkaBatchInfo"]["recordsInfo"]["events-0"]["firstRecordOffset"] == "3"
    assert told["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}


async def test_nothing_is_committed_before_the_letter_is_taken(
    cluster: MemoryCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.append("events", record(1))
    box = Box(refusals=3)
    async with running(FakeFunctions(lambda _: FAILED), cluster, box, max_retries=0, on_failure=QUEUE):
        await eventually_async(lambda: box.refusals <= 1)
        assert committed(cluster) is None
        await eventually_async(lambda: committed(cluster) == 1)
    assert len(box.sent) == 1
    said = capsys.readouterr().err
    assert said.count(f"{QUEUE} takes no records, trying on: the queue is gone") == 1
    assert said.count(f"failed 1 times: sent to {QUEUE}") == 1


async def test_a_stop_before_the_letter_is_taken_leaves_the_records_to_the_next_start(cluster: MemoryCluster) -> None:
    cluster.append("events", record(1))
    box = Box(refusals=1_000_000)
    async with running(FakeFunctions(lambda _: FAILED), cluster, box, max_retries=0, on_failure=QUEUE) as source:
        await eventually_async(lambda: box.refusals < 999_999)
    assert committed(cluster) is None
    assert source.status()["given_up"] == 0
