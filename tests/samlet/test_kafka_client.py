"""What the client of a Kafka says where there is none; the rest is tested where it is used."""

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from samlet.cluster import Start
from samlet.errors import KafkaFailed
from samlet.kafka_client import KafkaCluster, commit_offsets, topics


def test_a_kafka_that_is_not_there_is_said_in_words() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and nobody listens
        cluster = KafkaCluster(f"127.0.0.1:{bound.getsockname()[1]}")
        with pytest.raises(KafkaFailed, match=r"^nobody answers there$"):
            cluster.join("orders", "readers", Start("LATEST"), lambda _: None)


@pytest.mark.parametrize(("trouble", "tries"), [(ValueError("Invalid file descriptor: -1"), 2), (OSError("gone"), 1)])
def test_a_commit_is_tried_again_where_the_client_went_on_with_a_closed_connection(
    monkeypatch: pytest.MonkeyPatch, trouble: Exception, tries: int
) -> None:
    committed: list[object] = []
    opened = 0

    @contextlib.contextmanager
    def consumer(_bootstrap: str, _group: str) -> Iterator[Any]:
        nonlocal opened
        opened += 1
        if opened == 1:
            raise KafkaFailed("the first one fails") from trouble
        yield SimpleNamespace(assign=lambda _: None, commit=committed.append)

    monkeypatch.setattr(topics, "open_consumer", consumer)
    with contextlib.nullcontext() if tries == 2 else pytest.raises(KafkaFailed):
        commit_offsets("nowhere:1", "readers", "orders", {0: 1})
    assert (opened, len(committed)) == (tries, tries - 1)


def test_a_start_without_kafka_does_not_load_its_client() -> None:
    script = "import samlet.cli.foreground, samlet.emulator, sys; print('kafka' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
