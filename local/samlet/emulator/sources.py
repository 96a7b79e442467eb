"""What wakes the functions of one template: HTTP APIs, schedules and Kafka mappings, started and stopped together."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from socket import socket
from typing import Any

from samlet.aws_calls import AwsCalls
from samlet.emulator.listeners import bind_any, url_of
from samlet.emulator.metrics import Metrics
from samlet.log import say
from samlet.model import JwtAuthorizer
from samlet.runtime import Functions
from samlet.settings import Settings
from samlet.sources import HttpGateway, KafkaSource, Schedules
from samlet.sources.queues import QueueSource
from samlet.sources.schedule_events import Place
from samlet.sources.schedule_memory import ScheduleMemory
from samlet.sources.schedules import CatchUp
from samlet.template import HttpApi, Template


class Sources:
    """The event sources of one template; `kafka_servers` serves the mappings that name no servers themselves."""

    def __init__(
        self,
        template: Template,
        functions: Functions,
        kafka_servers: str | None,
        settings: Settings,
        metrics: Metrics,
        *,
        schedule_memory: ScheduleMemory,
        catch_up: CatchUp = "none",
        jwks: Mapping[str, Path] | None = None,
        aws_url: str | None = None,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._apis = template.apis
        self._urls = template.function_urls
        self._place = Place(template.region, template.account)
        self._jwks = jwks or {}
        self._functions = functions
        self._gateways: list[HttpGateway] = []
        self.schedules = Schedules(
            template.schedules,
            functions,
            place=self._place,
            memory=schedule_memory,
            catch_up=catch_up,
        )
        self._kafka = [
            KafkaSource(mapping, functions, ",".join(mapping.bootstrap_servers) or kafka_servers or "")
            for mapping in template.kafka_mappings
            if mapping.enabled
        ]
        self._queues = [
            QueueSource(mapping, functions, AwsCalls(aws_url, template.region), template.account)
            for mapping in template.queue_mappings
            if mapping.enabled and aws_url
        ]

    def _warn_of_keys(self) -> None:
        """Name local keys that serve no authorizer: an issuer that is written a little differently is another one."""
        authorizers = (route.authorizer for api in self._apis for route in api.routes)
        issuers = {each.issuer for each in authorizers if isinstance(each, JwtAuthorizer)}
        for issuer in sorted(self._jwks.keys() - issuers):
            known = ", ".join(sorted(issuers)) or "none"
            say("gateway", f"[jwks] {issuer} is the issuer of no authorizer; there are {known}", level="warning")

    def status(self) -> Mapping[str, dict[str, Any]]:
        """Return what there is of each kind."""
        return {
            "gateway": {"state": "ready", "apis": [api.logical_id for api in self._apis]},
            "schedules": {"state": "ready", "names": [schedule.name for schedule in self.schedules.list()]},
            "queue_mappings": {"state": "ready", "mappings": {source.name: source.status() for source in self._queues}},
            "kafka_mappings": {"state": "ready", "mappings": {source.name: source.status() for source in self._kafka}},
        }

    async def start(self, bound: socket, stack: AsyncExitStack) -> dict[str, str]:
        """Start all; the first API gets the socket `bound`, further ones and function URLs any port.

        Returns the further addresses.
        """
        stack.push_async_callback(self._stop)
        self._warn_of_keys()
        addresses = {}
        for number, api in enumerate(self._apis):
            own = bound if number == 0 else stack.enter_context(bind_any(self._settings))
            if number:
                addresses[f"api {api.logical_id}"] = url_of(own)
            await self._serve(api, own)
            _tell_stages(api)
        for url in self._urls:
            own = stack.enter_context(bind_any(self._settings))
            addresses[f"url {url.logical_id}"] = url_of(own)
            await self._serve(url, own)
        for source in self._kafka:
            await source.start()
        for queue in self._queues:
            await queue.start()
        await self.schedules.start()
        return addresses

    async def _serve(self, api: HttpApi, bound: socket) -> None:
        answered = partial(self._metrics.answered, api.logical_id)
        place = self._place
        gateway = HttpGateway(
            api, self._functions, account=place.account, region=place.region, jwks=self._jwks, answered=answered
        )
        self._gateways.append(gateway)
        await gateway.serve(bound)

    async def _stop(self) -> None:
        """Stop all at once, since each may have to wait for what is under way."""
        stopping = [
            self.schedules.stop(),
            *(part.stop() for part in self._kafka),
            *(part.stop() for part in self._queues),
        ]
        stopping += [gateway.stop() for gateway in self._gateways]
        for trouble in await asyncio.gather(*stopping, return_exceptions=True):
            if isinstance(trouble, Exception):
                say("samlet", f"while stopping: {trouble!r}", level="warning")


def _tell_stages(api: HttpApi) -> None:
    """Say where stages with a name are: a client that leaves the name out finds nothing but 404s."""
    for stage in (api.stage, *(other.stage for other in api.others)):
        if stage != "$default":
            say("gateway", f"{api.logical_id}: stage {stage} is served under /{stage}")
