"""The live stream: what comes, how it goes on after a break, and what becomes of clients that don't read."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiohttp import ClientTimeout

from console_stand import Client, Stand, handled
from samlet.console import stream
from waiting import eventually_async

PATIENCE = ClientTimeout(20)


class Listener:
    """One page; `id` is the last event's."""

    def __init__(self, lines: Any) -> None:
        self._lines = lines
        self.id = ""

    async def next(self, name: str) -> Any:
        """The content of the next event of that name."""
        event: dict[str, str] = {}
        async for raw in self._lines:
            line = raw.decode().rstrip("\n")
            if line:
                key, _, value = line.partition(": ")
                event[key] = value
                continue
            self.id = event.get("id", self.id)
            if event.get("event") == name:
                return json.loads(event["data"])
            event = {}
        raise AssertionError("the stream ended")


@asynccontextmanager
async def listening(client: Client, last: str = "") -> AsyncIterator[Listener]:
    headers = {"Last-Event-ID": last} if last else {}
    async with client.get("/api/stream", headers=headers, timeout=PATIENCE) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        yield Listener(answer.content)


async def test_a_new_client_gets_everything_that_there_is(client: Client) -> None:
    async with listening(client) as page:
        assert (await page.next("hello"))["resumed"] is False
        (function,) = await page.next("functions")
        assert function["id"] == "Tick"
        assert (await page.next("parts"))["ready"] is True
        assert await page.next("mails") == "1"
        assert (await page.next("schedules"))[0]["name"] == "nightly"


async def test_what_changes_comes_by_itself(client: Client, stand: Stand) -> None:
    async with listening(client) as page:
        await page.next("hello")
        handled(stand.record)
        (row,) = (await page.next("invocations"))["changed"]
        assert (row["request_id"], row["state"]) == ("r1", "ok")
        assert (await page.next("functions"))[0]["invocations"] == 1
        assert stand.mails
        stand.mails.kept = []
        assert await page.next("mails") == "0"


async def test_an_invocation_comes_when_it_begins_and_again_when_it_ends(client: Client, stand: Stand) -> None:
    async with listening(client) as page:
        await page.next("hello")
        stand.record.began("Tick", "r1", b"{}", None)
        assert [row["state"] for row in (await page.next("invocations"))["changed"]] == ["running"]
        stand.record.printed("Tick", "r1", "a line")
        assert [row["state"] for row in (await page.next("invocations"))["changed"]] == ["running"]


async def test_after_a_break_only_what_was_missed_comes(client: Client, stand: Stand) -> None:
    async with listening(client) as page:
        await page.next("hello")
        handled(stand.record, request_id="seen")
        await page.next("invocations")
    handled(stand.record, request_id="missed")
    async with listening(client, page.id) as page:
        assert (await page.next("hello"))["resumed"] is True
        assert [row["request_id"] for row in (await page.next("invocations"))["changed"]] == ["missed"]


@pytest.mark.parametrize("last", ["another-5", "nonsense", "-", "x-" + "9" * 5000])
async def test_an_id_of_another_run_means_to_begin_again(client: Client, last: str) -> None:
    async with listening(client, last) as page:
        assert (await page.next("hello"))["resumed"] is False


async def test_who_has_missed_a_lot_is_told_to_read_the_list_again(client: Client, stand: Stand) -> None:
    async with listening(client) as page:
        await page.next("hello")
        for number in range(stream.MOST_AT_ONCE + 1):
            handled(stand.record, request_id=f"r{number}")
        assert await page.next("many") == {"forgotten": 0}


async def test_silence_is_filled_so_that_a_dead_connection_is_noticed(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT", 0.05)
    async with listening(client) as page:
        assert await page.next("beat") == {}


async def test_a_server_that_stops_does_not_wait_for_its_streams(client: Client) -> None:
    async with listening(client) as page:
        await page.next("hello")
        async with asyncio.timeout(5):
            await client.server.close()


async def test_a_client_that_reads_nothing_is_dropped_and_nothing_is_kept_for_it(
    client: Client, stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "PATIENCE", 0.2)
    _, writer = await asyncio.open_connection("127.0.0.1", client.port, limit=1024)
    writer.write(b"GET /api/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    server = client.server.runner.server  # type: ignore[union-attr]
    assert server

    def flood() -> bool:
        for number in range(10):  # fewer within a tick than are told at once, or nothing but `many` would be sent
            handled(stand.record, request_id=f"{number}-{'x' * 20_000}")
        return not server.connections

    try:
        await eventually_async(lambda: bool(server.connections))
        await eventually_async(flood, timeout=20)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
