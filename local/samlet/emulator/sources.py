"""What wakes the functions of one template: HTTP APIs, schedules and mappings, from start over changes to stop."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from socket import socket
from typing import Any

from samlet import kafka_client
from samlet.aws_calls import AwsCalls
from samlet.background import say_failure
from samlet.emulator.clusters import Clusters
from samlet.emulator.listeners import bind_any, url_of
from samlet.emulator.metrics import Metrics
from samlet.emulator.together import stopped
from samlet.emulator.url_ports import UrlPorts
from samlet.log import say
from samlet.model import JwtAuthorizer, KafkaMapping, PushMapping, QueueMapping
from samlet.runtime import Functions
from samlet.runtime.changes import Changes, NoChanges
from samlet.runtime.destination_client import DestinationClient
from samlet.settings import Settings
from samlet.sources import GatewayPort, HttpGateway, KafkaSource, Schedules
from samlet.sources.pushes import PushSource
from samlet.sources.queues import QueueSource
from samlet.sources.schedule_events import Place
from samlet.sources.schedule_memory import ScheduleMemory
from samlet.sources.schedules import CatchUp
from samlet.sources.streaming_url import StreamingUrl
from samlet.template import HttpApi, Template

LOCAL = "local"  # access key and secret that functions are given, unless the project brings others

type _Mapping = KafkaMapping | QueueMapping | PushMapping
type _Source = KafkaSource | QueueSource | PushSource


class _Front:
    """An HTTP API or a function URL, and its port."""

    def __init__(self, port: GatewayPort, address: str) -> None:
        self.port = port
        self.address = address
        self.api: HttpApi | None = None


class Sources:
    """The event sources of one template; `clusters` knows the way into each Kafka.

    `changes` is asked before each request whether the template has changed, `aws_url` for the address of what made the
    template's other resources.
    """

    def __init__(
        self,
        template: Template,
        functions: Functions,
        clusters: Clusters,
        settings: Settings,
        metrics: Metrics,
        *,
        url_ports: UrlPorts,
        schedule_memory: ScheduleMemory,
        catch_up: CatchUp = "none",
        jwks: Mapping[str, Path] | None = None,
        aws_url: Callable[[], str | None] = lambda: None,
        changes: Changes | None = None,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._template = template
        self._functions = functions
        self._clusters = clusters
        self._jwks = jwks or {}
        self._aws_url = aws_url
        self._destinations = DestinationClient(aws_url)
        self._changes = changes or NoChanges()
        self._url_ports = url_ports
        self._fronts: list[_Front] = []
        self._mappings: dict[str, _Source] = {}
        self._remapping: asyncio.Task[None] | None = None
        self.schedules = Schedules(
            template.schedules,
            functions,
            place=Place(template.region, template.account),
            memory=schedule_memory,
            catch_up=catch_up,
            destinations=self._destinations,
        )

    def status(self) -> Mapping[str, dict[str, Any]]:
        """Return what there is of each kind."""
        return {
            "gateway": {"state": "ready", "apis": [front.api.logical_id for front in self._fronts if front.api]},
            "schedules": {"state": "ready", "names": [schedule.name for schedule in self.schedules.list()]},
            "queue_mappings": {"state": "ready", "mappings": self._status_of(QueueSource)},
            "kafka_mappings": {"state": "ready", "mappings": self._status_of(KafkaSource)},
            "push_mappings": {"state": "ready", "mappings": self._status_of(PushSource)},
        }

    def _status_of(self, kind: type[_Source]) -> dict[str, Any]:
        return {name: source.status() for name, source in self._mappings.items() if isinstance(source, kind)}

    async def start(self, bound: socket, stack: AsyncExitStack) -> None:
        """Start all; the first API gets the socket `bound`, further ones and function URLs any port."""
        stack.push_async_callback(self._stop)
        await self._open(bound)
        await self._serve(self._template)
        await self._map(self._template)
        await self.schedules.start()

    @property
    def addresses(self) -> dict[str, str]:
        """Where the function URLs, and the APIs beyond the first one, are served."""
        return {_title(front.api): front.address for front in self._fronts[1:] if front.api}

    async def replace(self, template: Template) -> None:
        """Let a changed template count: routes and schedules at once, mappings after what they have under way."""
        patience = {name: float(function.timeout) for name, function in self._template.functions.items()}
        self._template = template
        await self._serve(template)
        self.schedules.replace(template.schedules)
        self._remapping = asyncio.create_task(self._remap(self._remapping, patience))
        self._remapping.add_done_callback(say_failure("samlet", "taking over changed mappings"))

    async def _remap(self, before: asyncio.Task[None] | None, patience: Mapping[str, float]) -> None:
        """Stop the mappings that are gone or different, then start the new ones; `patience` is in seconds."""
        if before:
            await asyncio.wait([before])
        template = self._template
        wanted = _enabled(template)
        gone = {name: source for name, source in self._mappings.items() if source.mapping != wanted.get(name)}
        await asyncio.gather(*(source.stop(patience.get(source.mapping.function, 1.0)) for source in gone.values()))
        for name in gone:
            del self._mappings[name]
        await self._map(template)
        if gone:
            names = ", ".join(sorted(gone))
            say("samlet", f"{names}: what was under way has ended, and the new template counts")

    async def _map(self, template: Template) -> None:
        for name, mapping in _enabled(template).items():
            source = None if name in self._mappings else self._source(mapping, template)
            if source:
                self._mappings[name] = source
                await source.start()

    def _source(self, mapping: _Mapping, template: Template) -> _Source | None:
        if isinstance(mapping, KafkaMapping):
            return self._kafka_source(mapping, template)
        url = self._aws_url()
        if url is None:
            return None
        calls = AwsCalls(url, template.region)
        if isinstance(mapping, PushMapping):
            return PushSource(mapping, self._functions, calls, template.account, self._destinations)
        return QueueSource(mapping, self._functions, calls, template.account)

    def _kafka_source(self, mapping: KafkaMapping, template: Template) -> KafkaSource:
        if mapping.access and self._clusters.asks_nobody(mapping):
            say(mapping.logical_id, "the embedded Kafka asks for no password: SourceAccessConfigurations don't count")
        return KafkaSource(
            mapping,
            self._functions,
            self._clusters.servers(mapping),
            cluster=kafka_client.KafkaCluster(self._clusters.of(mapping, template.region)),
            destinations=self._destinations,
            function_arn=self._functions.arn(mapping.function),
        )

    async def _serve(self, template: Template) -> None:
        """Put each API behind a port: one behind the first, as long as it exists the same; others behind their own."""
        first = self._fronts[0]
        before = first.api.logical_id if first.api else None
        apis = sorted(template.apis, key=lambda api: api.logical_id != before)
        self._put(first, apis[0] if apis else None, template)
        others = {api.logical_id: api for api in (*apis[1:], *template.function_urls)}
        fronts = {front.api.logical_id: front for front in self._fronts[1:] if front.api}
        for gone in fronts.keys() - others.keys():
            front = fronts.pop(gone)
            self._fronts.remove(front)
            await front.port.stop()
            if front.api and front.api.function_url:
                self._url_ports.forget(gone)
        for name, api in others.items():
            self._put(fronts.get(name) or await self._open(self._any_port(api)), api, template)
        self._warn_of_keys(template)

    def _put(self, front: _Front, api: HttpApi | None, template: Template) -> None:
        if front.api == api:
            return
        front.api, front.port.gateway = api, None
        if api:
            kind = StreamingUrl if api.streamed else HttpGateway
            front.port.gateway = kind(
                api,
                self._functions,
                account=template.account,
                region=template.region,
                jwks=self._jwks,
                secrets=self._secret,
                answered=partial(self._metrics.answered, api.logical_id),
                held=self._functions.held,
            )
            _tell_stages(api)

    def _secret(self, access_key: str) -> str | None:
        """The secret of an access key: the one that functions sign with, or `local`, which any shell may use."""
        told = self._functions.settings.extra_environment
        known = {told.get("AWS_ACCESS_KEY_ID", LOCAL): told.get("AWS_SECRET_ACCESS_KEY", LOCAL)}
        return known.get(access_key, LOCAL if access_key == LOCAL else None)

    def _any_port(self, api: HttpApi) -> socket:
        return self._url_ports.take(api.logical_id) if api.function_url else bind_any(self._settings)

    async def _open(self, bound: socket) -> _Front:
        front = _Front(GatewayPort(changes=self._changes), url_of(bound))
        self._fronts.append(front)
        await front.port.serve(bound)
        return front

    def _warn_of_keys(self, template: Template) -> None:
        """Name local keys that serve no authorizer: an issuer that is written a little differently is another one."""
        authorizers = (route.authorizer for api in template.apis for route in api.routes)
        issuers = {each.issuer for each in authorizers if isinstance(each, JwtAuthorizer)}
        for issuer in sorted(self._jwks.keys() - issuers):
            known = ", ".join(sorted(issuers)) or "none"
            say("gateway", f"[jwks] {issuer} is the issuer of no authorizer; there are {known}", level="warning")

    async def _stop(self) -> None:
        """Stop all at once, since each may have to wait for what is under way."""
        if self._remapping:
            self._remapping.cancel()
        sources, ports = self._mappings.values(), [front.port for front in self._fronts]
        await stopped(self.schedules.stop(), *(each.stop() for each in (*sources, *ports)))


def _enabled(template: Template) -> dict[str, _Mapping]:
    mappings: tuple[KafkaMapping | QueueMapping, ...] = (*template.kafka_mappings, *template.queue_mappings)
    enabled = [mapping for mapping in mappings if mapping.enabled]
    return {mapping.logical_id: mapping for mapping in (*enabled, *template.push_mappings)}


def _title(api: HttpApi) -> str:
    return f"{'url' if api.function_url else 'api'} {api.logical_id}"


def _tell_stages(api: HttpApi) -> None:
    """Say where stages with a name are: a client that leaves the name out finds nothing but 404s."""
    for stage in (api.stage, *(other.stage for other in api.others)):
        if stage != "$default":
            say("gateway", f"{api.logical_id}: stage {stage} is served under /{stage}")
