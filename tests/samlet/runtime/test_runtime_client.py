"""What leaves and what comes in on the socket of a sandbox's client, seen from the other end."""

import _socket
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from samlet.runtime import runtime_client

from .messages import message

UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: samlet\r\n\r\n"
LARGE = b"x" * 100_000


NEXT = message("next")
ACCEPTED = message("accepted")
REFUSED = message("refused\nRequestEntityTooLarge")


def event(body: bytes, context: str = "é\nline") -> bytes:
    return message(f"event\nan-id\n1700000000000\narn:f\nRoot=1;Parent=2\na-nonce\n{context}", body)


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
    assert headers == {
        "Content-Type": "application/json",
        "Lambda-Runtime-Aws-Request-Id": "an-id",
        "Lambda-Runtime-Deadline-Ms": 1700000000000,
        "Lambda-Runtime-Invoked-Function-Arn": "arn:f",
        "Lambda-Runtime-Trace-Id": "Root=1;Parent=2",
        "Lambda-Runtime-Invocation-Id": "a-nonce",
        "Lambda-Runtime-Client-Context": "é\nline",
    }
    assert server.recv(1 << 20) == NEXT


def test_what_an_event_does_not_have_is_no_header(server: socket.socket) -> None:
    server.sendall(message("event\nan-id\n1\narn:f\n\na-nonce\n"))
    body, headers = runtime_client.next()
    assert body == b""
    assert not {"Lambda-Runtime-Trace-Id", "Lambda-Runtime-Client-Context"} & headers.keys()


def test_an_answer_leaves_together_with_the_call_for_the_next_event(server: socket.socket) -> None:
    runtime_client.post_invocation_result("an-id", b"null", "application/json", "a-nonce")
    assert server.recv(1 << 20) == message("response\n\nan-id\na-nonce\napplication/json", b"null") + NEXT
    server.sendall(event(b"1"))
    assert runtime_client.next()[0] == b"1"
    assert nothing_more(server), "the event was asked for already"


def test_a_failure_leaves_with_its_cause_for_x_ray(server: socket.socket) -> None:
    runtime_client.post_error("an-id", '{"errorType": "E"}', '{"cause": 1}')
    assert server.recv(1 << 20) == message('error\n\nan-id\n\n{"cause": 1}', b'{"errorType": "E"}') + NEXT


def test_answers_and_events_that_come_in_pieces_are_put_together(server: socket.socket) -> None:
    big = os.urandom(3_000_000)
    runtime_client.post_invocation_result("an-id", b"1")
    with ThreadPoolExecutor(1) as other:
        sent = other.submit(server.sendall, event(big) + event(b"2"))
        assert runtime_client.next()[0] == big
        sent.result(10)
    assert runtime_client.next()[0] == b"2"


@pytest.mark.parametrize("pause", [1, 7, 8, 20, len(event(b"12345")) - 1])
def test_an_event_is_put_together_wherever_it_was_cut(server: socket.socket, pause: int) -> None:
    whole = event(b"12345")
    server.sendall(whole[:pause])
    with ThreadPoolExecutor(1) as other:
        read = other.submit(runtime_client.next)
        read_until(server, NEXT)  # so it has begun to wait
        server.sendall(whole[pause:])
        assert read.result(10)[0] == b"12345"


def test_a_large_answer_is_accepted_before_the_next_event_is_asked_for(server: socket.socket) -> None:
    server.sendall(ACCEPTED)
    runtime_client.post_invocation_result("an-id", LARGE)
    assert read_until(server, LARGE) == message("response\nconfirm\nan-id\n\napplication/json", LARGE)
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


@pytest.mark.parametrize("body", [b"1", LARGE], ids=["small", "large"])
def test_a_second_answer_is_refused_at_once_and_tells_that_the_next_event_is_not_begun(
    server: socket.socket, body: bytes
) -> None:
    runtime_client.post_invocation_result("an-id", b"null", "application/json", "a-nonce")
    read_until(server, NEXT)
    server.sendall(event(b"1"))
    for _ in range(2):
        with pytest.raises(RuntimeError, match="Failed to post invocation response"):
            runtime_client.post_invocation_result("an-id", body, "application/json", "a-nonce")
        assert server.recv(1 << 20) == message("response\nagain\nan-id\na-nonce\napplication/json")
    assert nothing_more(server)


def test_a_call_for_the_next_event_that_is_refused_ends_the_process(server: socket.socket) -> None:
    server.sendall(REFUSED)
    with pytest.raises(RuntimeError, match="Failed to get next"):
        runtime_client.next()


@pytest.mark.parametrize("last", [b"", b"\0\0\0", event(b"")[:20], event(b"12345")[:-1]])
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
            asked = read_until(accepted, b"\r\n\r\n")
            assert asked.startswith(b"GET /samlet/channel HTTP/1.1\r\n")
            assert b"\r\nUpgrade: samlet\r\n" in asked
            accepted.sendall(UPGRADED + (ACCEPTED if answer == LARGE else b"") + event(b"4"))
            sent = read_until(accepted, LARGE if answer == LARGE else NEXT)
            assert sent[8:].startswith(b"response\n")
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


def connecting(listener: socket.socket, monkeypatch: pytest.MonkeyPatch, answer: bytes) -> _socket.socket:
    """Connect to the address that the environment names, whose end answers so."""
    listener.settimeout(10)
    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", "{}:{}".format(*listener.getsockname()))
    with ThreadPoolExecutor(1) as other:
        connected = other.submit(runtime_client.connect, "")
        with listener.accept()[0] as accepted:
            read_until(accepted, b"\r\n\r\n")
            accepted.sendall(answer)
        return connected.result(10)


def test_without_an_open_socket_it_connects_to_the_address_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        closing(connecting(listener, monkeypatch, UPGRADED + event(b"3"))) as connected,
    ):
        assert runtime_client._connection._socket is connected
        runtime_client._connection._asked = True  # the other end has gone meanwhile
        assert runtime_client.next()[0] == b"3"


def test_an_address_that_hangs_up_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        pytest.raises(RuntimeError, match="The Runtime API has gone"),
    ):
        connecting(listener, monkeypatch, UPGRADED[:-1])
