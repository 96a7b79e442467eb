"""What the way through gateway and sandbox adds to a handler's own time, which the handler itself tells.

The clients are threads with plain sockets: an event loop's way from a socket to who waits would count as Samlet's.
"""

import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.figures import percentile

SECONDS = 3.0
_REQUEST = b"GET /slow HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
_OWN = re.compile(rb"x-own-time: ([\d.]+)")


def _client(port: int, seconds: float) -> list[float]:
    added = []
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            began = time.perf_counter()
            connection.sendall(_REQUEST)
            head = connection.recv(65536)
            took = time.perf_counter() - began
            own = _OWN.search(head)
            assert own, head
            added.append(took - float(own[1]))
    return added


def _measure(port: int, clients: int) -> list[float]:
    with ThreadPoolExecutor(clients) as threads:
        list(threads.map(lambda _: _client(port, 1), range(clients)))  # warms the sandboxes
        return [each for added in threads.map(lambda _: _client(port, SECONDS), range(clients)) for each in added]


def latency(api: str, clients: int) -> dict[str, float]:
    """Milliseconds that are added to 20 ms of work; each client has a sandbox to itself."""
    added = _measure(int(api.rpartition(":")[2]), clients)
    return {"p50": percentile(added, 50) * 1000, "p99": percentile(added, 99) * 1000}
