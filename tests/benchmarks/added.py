"""What the way through gateway and sandbox adds to a handler's own time, which the handler itself tells."""

import asyncio
import re
import time

from benchmarks.figures import percentile

SECONDS = 3.0
_OWN = re.compile(rb"x-own-time: ([\d.]+)")


async def _client(port: int, until: float, added: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.perf_counter() < until:
        began = time.perf_counter()
        writer.write(b"GET /slow HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        took = time.perf_counter() - began
        own = _OWN.search(head)
        assert own, head
        added.append(took - float(own[1]))
    writer.close()


async def _measure(port: int, clients: int) -> list[float]:
    await asyncio.gather(*(_client(port, time.perf_counter() + 1, []) for _ in range(clients)))  # warms the sandboxes
    added: list[float] = []
    await asyncio.gather(*(_client(port, time.perf_counter() + SECONDS, added) for _ in range(clients)))
    return added


def latency(api: str) -> dict[str, dict[str, float]]:
    """Milliseconds that are added to 20 ms of work, by number of clients; each has a sandbox to itself."""
    results = {}
    for clients in (1, 8):
        added = asyncio.run(_measure(int(api.rpartition(":")[2]), clients))
        results[str(clients)] = {"p50": percentile(added, 50) * 1000, "p99": percentile(added, 99) * 1000}
    return results
