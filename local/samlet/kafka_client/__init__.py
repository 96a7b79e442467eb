"""Kafka, wrapped once: the only package of Samlet that imports `kafka`, in either of its two distributions.

Everything here blocks, and some calls of kafka-python-ng block for as long as no broker answers: call it from a daemon
thread. A broker's silence or refusal is a `KafkaFailed`.

The client takes a good part of the time in which Samlet starts, as it brings an AWS client along for a way in that
nobody asks for here. So it is loaded by the first use of one of these names: import the package, not a name from it,
where a project may do without Kafka.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samlet.kafka_client.connections import reachable as reachable
    from samlet.kafka_client.member import KafkaCluster as KafkaCluster
    from samlet.kafka_client.topics import commit_offsets as commit_offsets
    from samlet.kafka_client.topics import committed_offsets as committed_offsets
    from samlet.kafka_client.topics import create_topic as create_topic
    from samlet.kafka_client.topics import describe_topics as describe_topics
    from samlet.kafka_client.topics import follow_topic as follow_topic
    from samlet.kafka_client.topics import read_since as read_since
    from samlet.kafka_client.topics import read_spans as read_spans
    from samlet.kafka_client.topics import read_topic as read_topic
    from samlet.kafka_client.topics import write as write

_MODULES = {"reachable": "connections", "KafkaCluster": "member"}  # all others: topics


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'topics')}"), name)
