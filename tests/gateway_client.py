"""A gateway on a real socket, in front of functions that are only Python callables."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from samlet.model import Cors, HttpApi, Route
from samlet.runtime.outcome import Outcome
from samlet.sources.gateway import HttpGateway
from samlet.sources.gateway_port import GatewayPort

ROUTES = (
    Route("ANY", "/echo", "Echo"),
    Route("ANY", "/echo/{proxy+}", "Echo"),
    Route("GET", "/slow", "Slow", timeout=50),
)


@dataclass
class FakeFunctions:
    """Answers with `answer(event)`; remembers the events."""

    answer: Callable[[Any], Awaitable[Any]] | None = None
    events: list[Any] = field(default_factory=list)
    finished: int = 0
    names: list[str] = field(default_factory=list)
    traces: list[str | None] = field(default_factory=list)
    ids: list[str | None] = field(default_factory=list)

    def invoke(
        self, name: str, payload: bytes, *, trace_id: str | None = None, request_id: str | None = None
    ) -> Awaitable[Outcome]:
        self.traces.append(trace_id)
        self.ids.append(request_id)
        return asyncio.shield(asyncio.create_task(self._run(name, payload)))

    async def _run(self, name: str, payload: bytes) -> Outcome:
        event = json.loads(payload)
        self.events.append(event)
        self.names.append(name)
        answer = await self.answer(event) if self.answer else {"statusCode": 200, "body": "hello"}
        self.finished += 1
        return answer if isinstance(answer, Outcome) else Outcome("id", json.dumps(answer).encode())

    async def invoke_event(self, name: str, payload: bytes) -> str:
        raise NotImplementedError


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def __getitem__(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)


@dataclass
class Client:
    port: int
    functions: FakeFunctions
    answered: list[tuple[str, int, float]] = field(default_factory=list)  # what the gateway counts

    async def raw(self, data: bytes) -> Answer:
        """Send bytes as they are and read one answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(data)
            return await read_answer(reader, head=data.startswith(b"HEAD"))
        finally:
            writer.close()

    async def __call__(self, method: str, target: str, *headers: str, body: bytes = b"") -> Answer:
        lines = [f"{method} {target} HTTP/1.1", "Host: api.local:3000", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return await self.raw("\r\n".join([*lines, "", ""]).encode() + body)


async def read_answer(reader: asyncio.StreamReader, *, head: bool = False) -> Answer:
    text = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).decode()
    status, *lines = text.strip().split("\r\n")
    headers = [(name.lower(), value) for name, _, value in (line.partition(": ") for line in lines)]
    length = next((int(value) for name, value in headers if name == "content-length"), 0)
    return Answer(int(status.split()[1]), headers, b"" if head else await reader.readexactly(length))


@asynccontextmanager
async def serving(
    functions: FakeFunctions,
    cors: Cors | None = None,
    stage: str = "$default",
    routes: tuple[Route, ...] = ROUTES,
    jwks: Mapping[str, Path] | None = None,
    secrets: Mapping[str, str] | None = None,
    **properties: Any,
) -> AsyncIterator[Client]:
    """Serve one API; `properties` are further ones of its HttpApi."""
    answered: list[tuple[str, int, float]] = []
    api = HttpApi("Api", routes, cors, stage, **properties)
    gateway = HttpGateway(
        api, functions, jwks=jwks, secrets=(secrets or {}).get, answered=lambda *answer: answered.append(answer)
    )
    door = GatewayPort(gateway)
    _, port = await door.serve()
    try:
        yield Client(port, functions, answered)
    finally:
        await door.stop()
