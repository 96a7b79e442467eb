"""Which Kafka each mapping reads and how it lets us in, and which one the console and the commands look at."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from samlet.kafka_access import Bootstrap, Secrets, SecuredKafka, servers_of
from samlet.model import KafkaMapping


@dataclass(frozen=True)
class Clusters:
    """`own` is the project's Kafka, which asks nobody for a password where it is `embedded`.

    `secrets` are files that samlet.toml names; `aws_url` tells where the template's own secrets are.
    """

    own: str | None = None
    embedded: bool = False
    secrets: Mapping[str, Path] = field(default_factory=dict)
    aws_url: Callable[[], str | None] = lambda: None

    def servers(self, mapping: KafkaMapping) -> str:
        """Return where the mapping reads: the servers that it names, else the project's."""
        return ",".join(mapping.bootstrap_servers) or self.own or ""

    def of(self, mapping: KafkaMapping, region: str) -> Bootstrap:
        """Return that with the way in."""
        servers = self.servers(mapping)
        if not mapping.access or self.asks_nobody(mapping):
            return servers
        return SecuredKafka(servers, mapping.access, Secrets(self.secrets, self.aws_url(), region))

    def asks_nobody(self, mapping: KafkaMapping) -> bool:
        """Whether the mapping reads the embedded Kafka."""
        return self.embedded and self.servers(mapping) == self.own

    def shown(self, mappings: Sequence[KafkaMapping], region: str) -> Bootstrap | None:
        """Return the project's Kafka, with the way in of a mapping that reads it; without one, the first mapping's."""
        known = [self.of(mapping, region) for mapping in mappings if self.servers(mapping)]
        if self.own is None:
            return known[0] if known else None
        ways = (bootstrap for bootstrap in known if servers_of(bootstrap) == self.own)
        return next((way for way in ways if not isinstance(way, str)), self.own)
