"""What a server says, or does not say, to somebody who knocks; real brokers are in sources/test_kafka_ways_in.py."""

import socket
import ssl
import threading
from collections.abc import Iterator

import pytest
import trustme

from samlet.errors import KafkaFailed
from samlet.kafka_client.door import knock

HOST = "127.0.0.1"


@pytest.fixture
def silent() -> Iterator[tuple[str, ssl.SSLContext]]:
    """A server that shows a good certificate and hangs up, and a context that trusts it."""
    authority, server, client = (
        trustme.CA(),
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH),
        ssl.create_default_context(),
    )
    authority.issue_cert(HOST).configure_cert(server)
    authority.configure_trust(client)
    listening = socket.create_server((HOST, 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with server.wrap_socket(connection, server_side=True) as secured:
                secured.recv(1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"{HOST}:{listening.getsockname()[1]}", client
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join(5)


def test_who_hangs_up_without_a_word_wants_a_certificate(silent: tuple[str, ssl.SSLContext]) -> None:
    servers, context = silent
    with pytest.raises(KafkaFailed, match=r"the broker wants a client certificate that it trusts$"):
        knock(servers, context)


def test_the_reason_of_a_server_that_answers_is_told_whoever_else_is_not_there(
    silent: tuple[str, ssl.SSLContext],
) -> None:
    servers, context = silent
    with pytest.raises(KafkaFailed, match="the broker wants a client certificate"):
        knock(f"{servers},{HOST}:1", context)
    with pytest.raises(KafkaFailed, match="nobody listens there"):
        knock(f"{HOST}:1,nonsense", context)
