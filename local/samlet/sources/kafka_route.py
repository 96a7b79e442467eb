"""Where one mapping's records go, how patiently, and what became of them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from samlet.cluster import Cluster
from samlet.model import KafkaMapping
from samlet.runtime.destination_client import DestinationClient
from samlet.sources.invoker import Invoker
from samlet.sources.kafka_event import EventShape

_TOPIC_SCHEME = "kafka://"
_MOST_RETRIES_WITH_DESTINATION = 10  # AWS's cap on "infinite" where there is an on-failure destination


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds between attempts: `first`, doubled each time, never more than `most`."""

    first: float = 0.2
    most: float = 5.0

    def after(self, failures: int) -> float:
        """Return the wait after so many failures."""
        return min(self.most, self.first * 2.0 ** min(failures - 1, 16))


@dataclass(slots=True)
class Counts:
    """What became of one mapping's records, and how often its function was too busy."""

    delivered: int = 0
    filtered: int = 0
    unreadable: int = 0
    given_up: int = 0
    throttled: int = 0


@dataclass(frozen=True)
class Route:
    """Where one mapping's records go, and how patiently; `clock` gives epoch seconds."""

    mapping: KafkaMapping
    invoker: Invoker
    cluster: Cluster
    shape: EventShape
    backoff: Backoff = Backoff()
    clock: Callable[[], float] = time.time
    destinations: DestinationClient = field(default_factory=DestinationClient)
    function_arn: str = ""

    @property
    def retries(self) -> int | None:
        """How often a batch is tried again, None for ever."""
        if self.mapping.max_retries >= 0:
            return self.mapping.max_retries
        return _MOST_RETRIES_WITH_DESTINATION if self.mapping.on_failure else None

    @property
    def dead_topic(self) -> str | None:
        """The topic for records that are given up."""
        destination = self.mapping.on_failure or ""
        return destination.removeprefix(_TOPIC_SCHEME) if destination.startswith(_TOPIC_SCHEME) else None

    @property
    def destination(self) -> str | None:
        """The ARN of the queue, topic or bucket that is told of records that are given up."""
        return self.mapping.on_failure if self.mapping.on_failure_served and not self.dead_topic else None
