"""The answer to a batch: the first failure of each partition and all behind it, untouched."""

from base64 import b64encode
from typing import Any

from mail_sender.kafka_event import KafkaRecord, handle_batch, is_kafka_event


def record(partition: int, offset: int, value: bytes | None = b"{}") -> dict[str, Any]:
    encoded = None if value is None else b64encode(value).decode()
    return {"topic": "events", "partition": partition, "offset": offset, "key": encoded, "value": encoded}


def batch(*offsets: tuple[int, int]) -> dict[str, Any]:
    records: dict[str, list[dict[str, Any]]] = {}
    for partition, offset in offsets:
        records.setdefault(f"events-{partition}", []).append(record(partition, offset))
    return {"eventSource": "SelfManagedKafka", "records": records}


def test_after_a_failure_the_rest_of_its_partition_waits_and_the_others_go_on() -> None:
    seen = []

    def handle(record: KafkaRecord) -> None:
        seen.append((record.partition, record.offset))
        if (record.partition, record.offset) == (0, 6):
            raise RuntimeError("no")

    answer = handle_batch(batch((0, 5), (0, 6), (0, 7), (1, 1), (1, 2)), handle)
    again = [{"itemIdentifier": {"partition": "events-0", "offset": offset}} for offset in (6, 7)]
    assert answer == {"batchItemFailures": again}
    assert seen == [(0, 5), (0, 6), (1, 1), (1, 2)]


def test_all_well_is_an_empty_list() -> None:
    assert handle_batch(batch((0, 5)), lambda record: None) == {"batchItemFailures": []}


def test_key_and_value_are_decoded_and_may_be_missing() -> None:
    seen: list[KafkaRecord] = []
    handle_batch({"records": {"events-0": [record(0, 1, b"x"), record(0, 2, None)]}}, seen.append)
    assert seen == [KafkaRecord("events", 0, 1, b"x", b"x"), KafkaRecord("events", 0, 2, None, None)]


def test_a_schedules_event_is_none() -> None:
    assert not is_kafka_event({"source": "aws.events", "time": "2026-06-02T00:00:00Z"})
