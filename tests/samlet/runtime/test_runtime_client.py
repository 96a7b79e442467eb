"""What leaves and what comes in on the socket of a sandbox's client, seen from the other end."""

import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from samlet.runtime import runtime_client

NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n"
ACCEPTED = b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n{}"
REFUSED = b"HTTP/1.1 413 Request Entity Too Large\r\ncontent-length: 2\r\n\r\n{}"
LARGE = b"x" * 100_000


def event(body: bytes) -> bytes:
    head = (
        "HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: an-id\r\nLambda-Runtime-Deadline-Ms: 1700000000000\r\n"
        f"Lambda-Runtime-Client-Context: é\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The other end of the client's socket."""
    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1")
    ours, theirs = socket.socketpair()
    ours.settimeout(10)
    with ours, closing(runtime_client.connect(str(theirs.detach()))):
        yield ours


def read_until(server: socket.socket, end: bytes) -> bytes:
    read = b""
    while not read.endswith(end):
        read += server.recv(1 << 20)
    return read


def nothing_more(server: socket.socket) -> bool:
    server.setblocking(False)
    try:
        return server.recv(1) == b""
    except BlockingIOError:
        return True


def test_an_event_comes_with_its_headers_by_awss_names(server: socket.socket) -> None:
    server.sendall(event(b"{}"))
    body, headers = runtime_client.next()
    assert body == b"{}"
    assert headers["Lambda-Runtime-Aws-Request-Id"] == "an-id"
    assert headers["Lambda-Runtime-Deadline-Ms"] == 1700000000000
    assert headers["Lambda-Runtime-Client-Context"] == "é"
    assert server.recv(1 << 20) == NEXT


def test_an_answer_leaves_together_with_the_call_for_the_next_event(server: socket.socket) -> None:
    runtime_client.post_invocation_result("an-id", b"null", "application/json", "a-nonce")
    posted = (
        b"POST /2018-06-01/runtime/invocation/an-id/response HTTP/1.1\r\nHost: 127.0.0.1:1\r\n"
        b"Content-Type: application/json\r\nLambda-Runtime-Invocation-Id: a-nonce\r\nContent-Length: 4\r\n\r\nnull"
    )
    assert server.recv(1 << 20) == posted + NEXT
    server.sendall(ACCEPTED + event(b"1"))
    assert runtime_client.next()[0] == b"1"
    assert nothing_more(server), "the event was asked for already"


def test_a_failure_leaves_with_its_cause_for_x_ray(server: socket.socket) -> None:
    runtime_client.post_error("an-id", '{"errorType": "E"}', '{"cause": 1}')
    posted = read_until(server, NEXT)
    assert posted.startswith(b"POST /2018-06-01/runtime/invocation/an-id/error HTTP/1.1\r\n")
    assert b'\r\nLambda-Runtime-Function-XRay-Error-Cause: {"cause": 1}\r\n' in posted
    assert b"Invocation-Id" not in posted


def test_answers_and_events_that_come_in_pieces_are_put_together(server: socket.socket) -> None:
    big = os.urandom(3_000_000)
    runtime_client.post_invocation_result("an-id", b"1")
    with ThreadPoolExecutor(1) as other:
        sent = other.submit(server.sendall, ACCEPTED + event(big) + event(b"2"))
        assert runtime_client.next()[0] == big
        sent.result(10)
    assert runtime_client.next()[0] == b"2"


def test_a_large_answer_is_accepted_before_the_next_event_is_asked_for(server: socket.socket) -> None:
    server.sendall(ACCEPTED)
    runtime_client.post_invocation_result("an-id", LARGE)
    assert read_until(server, LARGE).endswith(LARGE)
    assert nothing_more(server)


def test_a_large_answer_that_is_refused_ends_the_process_before_it_asks_for_another(server: socket.socket) -> None:
    server.sendall(REFUSED)
    with pytest.raises(RuntimeError, match="Failed to post invocation response"):
        runtime_client.post_invocation_result("an-id", LARGE)
    read_until(server, LARGE)
    assert nothing_more(server)


def test_a_small_answer_that_is_refused_ends_the_process_before_the_next_event(server: socket.socket) -> None:
    runtime_client.post_error("an-id", "{}", "")
    server.sendall(REFUSED + event(b"1"))
    with pytest.raises(RuntimeError, match="Failed to post invocation error"):
        runtime_client.next()


def test_a_call_for_the_next_event_that_is_refused_ends_the_process(server: socket.socket) -> None:
    server.sendall(REFUSED)
    with pytest.raises(RuntimeError, match="Failed to get next"):
        runtime_client.next()


@pytest.mark.parametrize("last", [b"", b"HTTP/1.1 200 OK\r\nContent-", event(b"12345")[:-1]])
def test_a_runtime_api_that_is_gone_ends_the_process(server: socket.socket, last: bytes) -> None:
    server.sendall(last)
    server.shutdown(socket.SHUT_WR)
    with pytest.raises(RuntimeError, match="Failed to get next"):
        runtime_client.next()


@pytest.fixture
def _impatient() -> Iterator[None]:
    """Sockets that are made from now on wait for hardly anything."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(0.01)
    yield
    socket.setdefaulttimeout(before)


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("answer", [b"3", LARGE], ids=["small", "large"])
def test_a_client_whose_socket_was_closed_goes_on_at_the_runtime_apis_port(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: bytes
) -> None:
    ours, theirs = socket.socketpair()
    number, newcomer = theirs.detach(), tmp_path / "newcomer"
    with ours, socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as other:
        listener.settimeout(10)
        monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", "{}:{}".format(*listener.getsockname()))
        runtime_client.connect(str(number))
        with newcomer.open("wb") as file:
            os.dup2(file.fileno(), number)  # which closes the socket that had it
        posting = other.submit(runtime_client.post_invocation_result, "an-id", answer)
        accepted, _ = listener.accept()
        with accepted:
            accepted.settimeout(10)
            accepted.sendall(ACCEPTED + event(b"4"))
            sent = read_until(accepted, LARGE if answer == LARGE else b"\r\n\r\n")
            assert sent.startswith(b"POST /2018-06-01/runtime/invocation/an-id/response HTTP/1.1\r\n")
            posting.result(10)
            with closing(runtime_client._connection._socket) as connected:
                assert runtime_client.next()[0] == b"4"
                assert connected.gettimeout() is None
    os.close(number)  # which fails if it was closed with the socket
    assert newcomer.read_bytes() == b""


@pytest.mark.usefixtures("_impatient")
def test_a_default_time_out_for_sockets_is_not_the_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1")
    ours, theirs = socket.socketpair()
    with ours, closing(runtime_client.connect(str(theirs.detach()))) as connected:
        assert connected.gettimeout() is None


def test_without_an_open_socket_it_connects_to_the_address_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", "{}:{}".format(*listener.getsockname()))
        with closing(runtime_client.connect("")), listener.accept()[0] as accepted:
            accepted.sendall(event(b"3"))
            assert runtime_client.next()[0] == b"3"
