"""Calls to an AWS of one's own, whatever becomes of the answer."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from samlet.aws_calls import AwsCalls, CallFailed


@contextmanager
def answering(answer: bytes) -> Iterator[AwsCalls]:
    """A server that answers one call with these bytes and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            line, _ = server.accept()
            with line, line.makefile("rb") as request:
                headers = b"".join(iter(request.readline, b"\r\n")).lower()
                request.read(int(headers.partition(b"content-length:")[2].split()[0]))
                line.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield AwsCalls(f"http://127.0.0.1:{server.getsockname()[1]}", "eu-west-1")
        thread.join()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "it does not answer: IncompleteRead"),
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 100\r\n\r\n{", "it does not answer: IncompleteRead"),
        (b"", "it does not answer: Remote end closed"),
        (b"nonsense\r\n\r\n", "it does not answer: nonsense"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{", "sqs.Do was answered with no JSON"),
        (b'HTTP/1.1 400 Bad Request\r\nContent-Length: 18\r\n\r\n{"message": "what"}', "^what$"),
    ],
)
def test_an_answer_that_is_cut_short_or_none_is_a_call_that_failed(answer: bytes, reason: str) -> None:
    with answering(answer) as calls, pytest.raises(CallFailed, match=reason):
        calls.json("sqs", "sqs.Do", {})


def test_a_page_where_xml_is_expected_is_a_call_that_failed() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    with answering(answer) as calls, pytest.raises(CallFailed, match="no XML"):
        calls.query("sns", "Do")
