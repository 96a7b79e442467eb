"""Kafka, wrapped once: the only package of Samlet that imports `kafka`, in either of its two distributions.

Everything here blocks, and some calls of kafka-python-ng block for as long as no broker answers: call it from a daemon
thread. A broker's silence or refusal is a `KafkaFailed`.
"""

from samlet.kafka_client.connections import reachable as reachable
from samlet.kafka_client.member import KafkaCluster as KafkaCluster
from samlet.kafka_client.topics import commit_offsets as commit_offsets
from samlet.kafka_client.topics import committed_offsets as committed_offsets
from samlet.kafka_client.topics import describe_topics as describe_topics
from samlet.kafka_client.topics import follow_topic as follow_topic
from samlet.kafka_client.topics import read_since as read_since
from samlet.kafka_client.topics import read_spans as read_spans
from samlet.kafka_client.topics import read_topic as read_topic
from samlet.kafka_client.topics import write as write
