"""What the way through gateway and sandbox adds to a handler's own time, which the handler itself tells.

The handler sleeps, as one does that waits for a database. The longer it does, the deeper sleep the processors, and the
less of what runs next is still in their caches: so three lengths, and beside them what the machine takes from anybody.

The clients are threads with plain sockets: an event loop's way from a socket to who waits would count as Samlet's.
"""

import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks import relay
from benchmarks.figures import percentile
from benchmarks.peers import servers
from benchmarks.stranger import Stranger

type Added = dict[str, dict[str, float]]
"""Milliseconds p50 and p99 by the milliseconds of the handler itself."""

OWN = (1, 5, 20)  # milliseconds of the handler itself
SECONDS = 3.0
_OWN_TIME = re.compile(rb"x-own-time: ([\d.]+)")


def measure(samlet: Stranger) -> dict[str, Added]:
    """By who is between client and handler."""
    with _uvicorn(samlet) as uvicorn, _relay() as bare:
        return {
            "samlet, 1 client": _added(_port(samlet.api), 1),
            "samlet, 8 clients": _added(_port(samlet.api), 8),
            "uvicorn with FastAPI, 1 client": _added(uvicorn, 1),
            "a bare relay, 1 client": _added(bare, 1),
        }


def table(measured: dict[str, Added]) -> str:
    """The same as rows of Markdown."""
    rows = (
        f"| {who} | {' | '.join(f'{it["p50"]:.2f} / {it["p99"]:.2f} ms' for it in added.values())} |"
        for who, added in measured.items()
    )
    head = " | ".join(f"{own} ms" for own in OWN)
    return "\n".join([f"| a handler of | {head} |", f"|---|{'---|' * len(OWN)}", *rows])


def _added(port: int, clients: int) -> Added:
    return {str(own): _latency(port, own, clients) for own in OWN}


def _latency(port: int, own: int, clients: int) -> dict[str, float]:
    """Each client has a sandbox to itself."""
    with ThreadPoolExecutor(clients) as threads:
        list(threads.map(lambda _: _client(port, own, 1), range(clients)))  # warms the sandboxes
        added = [each for some in threads.map(lambda _: _client(port, own, SECONDS), range(clients)) for each in some]
    return {"p50": percentile(added, 50) * 1000, "p99": percentile(added, 99) * 1000}


def _client(port: int, own: int, seconds: float) -> list[float]:
    request = f"GET /slow?ms={own} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    added = []
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            began = time.perf_counter()
            connection.sendall(request)
            head = connection.recv(65536)
            took = time.perf_counter() - began
            told = _OWN_TIME.search(head)
            assert told, head
            added.append(took - float(told[1]))
    return added


@contextmanager
def _uvicorn(samlet: Stranger) -> Iterator[int]:
    """A server that has the handler in its own process."""
    httpx.get(f"{samlet.api}/app", timeout=30).raise_for_status()
    sandbox = samlet.sandbox("App")
    with servers.uvicorn(Path(sandbox.cmdline()[0]), "app:app", sandbox.environ()) as address:
        yield _port(address)


@contextmanager
def _relay() -> Iterator[int]:
    process = subprocess.Popen([sys.executable, relay.__file__], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])
