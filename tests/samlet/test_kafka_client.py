"""What the client of a Kafka says where there is none; the rest is tested where it is used."""

import socket

import pytest

from samlet.cluster import Start
from samlet.errors import KafkaFailed
from samlet.kafka_client import KafkaCluster


def test_a_kafka_that_is_not_there_is_said_in_words() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and nobody listens
        cluster = KafkaCluster(f"127.0.0.1:{bound.getsockname()[1]}")
        with pytest.raises(KafkaFailed, match=r"^nobody answers there$"):
            cluster.join("orders", "readers", Start("LATEST"), lambda _: None)
