"""What a command says when the Samlet that it talks to goes away."""

import socket
import threading

import pytest

from samlet.cli.remote import Remote
from samlet.errors import NotRunning


@pytest.mark.parametrize("rest", [b"5\r\nsec", b""], ids=["in a piece", "between two"])
@pytest.mark.parametrize("reset", [False, True])
def test_lines_that_break_off_are_told_as_the_end_of_samlet(*, rest: bytes, reset: bool) -> None:
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        client, _ = server.accept()
        if not reset:
            client.recv(4096)  # what is closed unread is reset
        client.sendall(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nfirst\n\r\n" + rest
        )
        client.close()

    thread = threading.Thread(target=serve)
    thread.start()
    with server:
        lines = Remote(f"http://127.0.0.1:{server.getsockname()[1]}").lines("/api/events")
        with pytest.raises(NotRunning):
            list(lines)
        thread.join()
