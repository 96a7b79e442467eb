"""Records a second that a whole Samlet takes through a function that does nothing, a hundred in an event.

Measured from outside, for the page on performance; what a record costs the mapping itself tells `mapping_cpu`.
"""

import tempfile
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

from benchmarks.stranger import Stranger, project
from waiting import eventually

_RECORDS = 40_000
_VALUE = b'{"event_id":"00000000-0000-0000-0000-000000000000","type":"task.created","title":"write a bench"}'


def measure() -> dict[str, Any]:
    """Records a second, of one partition and of four."""
    with tempfile.TemporaryDirectory() as made:
        folder = project(Path(made) / "project")
        (folder / "samlet.toml").write_text(
            'template = "kafka.yaml"\n[services]\nkafka = {}\n[parameters]\nServers = "{kafka.bootstrap_servers}"\n'
        )
        with _mapped(folder, "none") as samlet:
            _send(samlet.addresses["kafka"], "one", 1)
            _send(samlet.addresses["kafka"], "four", 4)
        return {"one_partition": _rate(folder, "one"), "four_partitions": _rate(folder, "four")}


def _mapped(folder: Path, topic: str) -> AbstractContextManager[Stranger]:
    return Stranger(folder, "kafka.yaml", arguments=("--parameter", f"Topic={topic}")).running()


def _rate(folder: Path, topic: str) -> float:
    """All records are there before the mapping is; from the first ones that have come through to the last."""
    with _mapped(folder, topic) as samlet:

        def delivered() -> int:
            (told,) = samlet.parts()["kafka_mappings"]["mappings"].values()
            return int(told["delivered"])

        already = eventually(delivered, timeout=60, every=0.01)
        began = time.monotonic()
        eventually(lambda: delivered() >= _RECORDS, timeout=300, every=0.05)
        return (_RECORDS - already) / (time.monotonic() - began)


def _send(servers: str, topic: str, partitions: int) -> None:
    admin = KafkaAdminClient(bootstrap_servers=servers)
    admin.create_topics([NewTopic(topic, partitions, 1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=servers, linger_ms=20, batch_size=256 * 1024)
    sent = [producer.send(topic, _VALUE, partition=number % partitions) for number in range(_RECORDS)]
    producer.flush()
    for future in sent:
        future.get(timeout=10)  # raises what went wrong
    producer.close()
