"""What wakes functions: the HTTP API gateway, schedules, and event source mappings of Kafka and of queues."""

from samlet.sources.gateway import HttpGateway
from samlet.sources.gateway_port import GatewayPort
from samlet.sources.invoker import Invoker
from samlet.sources.kafka import KafkaSource
from samlet.sources.schedules import Schedules

__all__ = ["GatewayPort", "HttpGateway", "Invoker", "KafkaSource", "Schedules"]
