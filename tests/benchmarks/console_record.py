"""What the console's record costs: microseconds an event, and memory when it is full.

    PYTHONPATH=local:tests python -m benchmarks.console_record

Each round is an event as the gateway makes it, with a line of log; the last ones are as large as the record keeps.
"""

import json
import os
import time

import psutil

from samlet.console.correlation import Names
from samlet.console.reading import read
from samlet.console.record import LARGEST_PAYLOAD, MOST_BYTES, MOST_KEPT, Record
from samlet.runtime import Outcome

ROUNDS = 50_000
EVENT = {
    "version": "2.0",
    "routeKey": "GET /items",
    "rawPath": "/items",
    "headers": {f"header-{number}": "value " * 5 for number in range(15)},
    "requestContext": {"http": {"method": "GET", "path": "/items"}, "timeEpoch": 1},
}
LINE = json.dumps({"level": "INFO", "message": "request", "correlation_id": "4bf92f3577b34da6a3ce929d0e0e4736"})


def handle(record: Record, number: int, event: bytes, answer: bytes) -> None:
    """One invocation, as the runtime tells of it."""
    record.began("Items", f"r{number}", event, None)
    record.printed("Items", f"r{number}", LINE)
    record.ended("Items", Outcome(f"r{number}", answer, None, b"", 1.5, None, 64))


def main() -> None:
    """Measure and print."""
    process = psutil.Process(os.getpid())
    events = [json.dumps({**EVENT, "number": number}).encode() for number in range(ROUNDS)]
    before, record = process.memory_info().rss, Record()
    started = time.process_time()
    for number, event in enumerate(events):
        handle(record, number, event, b'{"statusCode": 200, "body": "[]"}')
    took = (time.process_time() - started) / ROUNDS
    del events
    started = time.process_time()
    for invocation in record.newest():
        read(invocation, Names())
    reading = time.process_time() - started
    for number in range(MOST_KEPT):
        handle(record, ROUNDS + number, os.urandom(LARGEST_PAYLOAD), os.urandom(LARGEST_PAYLOAD))
    kept = list(record.newest())
    figures = {
        "cpu_microseconds_per_event": round(took * 1e6, 1),
        "cpu_seconds_to_read_a_full_record": round(reading, 3),
        "large_invocations_kept": len(kept),
        "megabytes_counted": round(sum(one.size for one in kept) / 2**20, 1),
        "megabytes_of_process_more": round((process.memory_info().rss - before) / 2**20, 1),
        "limit_megabytes": MOST_BYTES / 2**20,
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
