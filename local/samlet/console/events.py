"""Streams the records of a topic, a JSON object a line, read by a thread because Kafka's client blocks."""

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

from aiohttp import web

from samlet import kafka_client
from samlet.cluster import Record
from samlet.errors import KafkaFailed
from samlet.kafka_access import Bootstrap

_AHEAD = 500  # lines read ahead of a slow client


async def stream_events(request: web.Request, servers: Bootstrap, topic: str, *, follow: bool) -> web.StreamResponse:
    """Answer with every record from the beginning to the present end, and with `follow` with those that come."""
    lines = _Lines()
    lines.start(servers, topic, follow=follow)
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    try:
        while (line := await lines.next()) is not None:
            await response.write(line)
    except ConnectionResetError:
        return response
    finally:
        lines.stop()
    await response.write_eof()
    return response


def as_json(record: Record) -> dict[str, Any]:
    """Return a record as it is shown: time in epoch milliseconds, a value that is no JSON as its text."""
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": _text(record.key),
        "headers": {name: _text(value) for name, value in record.headers},
        "value": _value(record.value),
    }


def _text(content: bytes | None) -> str | None:
    return None if content is None else content.decode(errors="replace")


def _value(content: bytes | None) -> Any:
    text = _text(content)
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return text


class _Lines:
    """A thread's records on their way to the event loop; the thread waits when the client is slow."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._room = threading.Semaphore(_AHEAD)
        self._stopped = threading.Event()

    def start(self, servers: Bootstrap, topic: str, *, follow: bool) -> None:
        # A daemon, because the client may block for as long as no broker answers.
        threading.Thread(target=self._read, args=(servers, topic, follow), name="events", daemon=True).start()

    async def next(self) -> bytes | None:
        line = await self._queue.get()
        self._room.release()
        return line

    def stop(self) -> None:
        self._stopped.set()
        self._room.release(_AHEAD)

    def _read(self, servers: Bootstrap, topic: str, follow: bool) -> None:  # noqa: FBT001 - a thread's target takes no keywords
        records: Iterator[Record] = (
            kafka_client.follow_topic(servers, topic, self._stopped)
            if follow
            else kafka_client.read_topic(servers, topic)
        )
        try:
            for record in records:
                self._put(as_json(record))
                if self._stopped.is_set():
                    return
        except KafkaFailed as error:
            self._put({"error": f"Kafka does not answer: {error}"})
        finally:
            self._hand_over(None)

    def _put(self, content: dict[str, Any]) -> None:
        self._room.acquire()
        self._hand_over(json.dumps(content, ensure_ascii=False).encode() + b"\n")

    def _hand_over(self, line: bytes | None) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._queue.put_nowait, line)
