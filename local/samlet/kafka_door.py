"""Knocks at a Kafka that speaks TLS, since its client does not tell why it is not let in."""

import contextlib
import socket
import ssl
import struct

from samlet.errors import KafkaFailed

_PATIENCE = 4.0  # seconds for a server to answer
_CLIENT_ID = b"samlet"
# ApiVersions, version 0: what every client asks first, and whoever asks is told, before any password.
_QUESTION = struct.pack("!hhih", 18, 0, 1, len(_CLIENT_ID)) + _CLIENT_ID


def knock(servers: str, context: ssl.SSLContext) -> None:
    """Return when one of the servers speaks TLS with us and answers; else raise KafkaFailed with the reason."""
    trouble = KafkaFailed("nobody listens there")
    for server in servers.split(","):
        host, _, port = server.strip().rpartition(":")
        host = host.strip("[]")
        try:
            with socket.create_connection((host, int(port)), _PATIENCE) as connection:
                _ask(connection, context, host)
            return
        except KafkaFailed as failure:
            trouble = failure
        except (OSError, ValueError):
            continue
    raise trouble


def _ask(connection: socket.socket, context: ssl.SSLContext, host: str) -> None:
    try:
        secured = context.wrap_socket(connection, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        raise KafkaFailed(f"its certificate is not trusted: {error.verify_message}") from error
    except ssl.SSLError as error:
        raise KafkaFailed(_no_tls(error.reason)) from error
    except OSError as error:
        raise KafkaFailed(_no_tls(None)) from error
    with contextlib.closing(secured):
        # With TLS 1.3 a client hears only now that its certificate is refused.
        try:
            secured.sendall(struct.pack("!i", len(_QUESTION)) + _QUESTION)
            answered = secured.recv(4)
        except TimeoutError as error:
            raise KafkaFailed("it does not answer") from error
        except OSError as error:
            raise KafkaFailed(_refused(getattr(error, "reason", None))) from error
        if not answered:
            raise KafkaFailed(_refused(None))


def _no_tls(reason: str | None) -> str:
    # An alert is said by somebody who speaks TLS.
    if reason and "ALERT" in reason:
        return _refused(reason)
    return "it does not speak TLS there, and as on AWS, SourceAccessConfigurations are for TLS only"


def _refused(reason: str | None) -> str:
    told = f" ({reason.lower().replace('_', ' ')})" if reason else ""
    return f"it wants a client certificate that it trusts{told}"
