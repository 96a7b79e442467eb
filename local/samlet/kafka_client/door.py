"""Knocks at a Kafka that speaks TLS, since its client does not tell why it is not let in."""

import contextlib
import socket
import ssl
import struct

from samlet.errors import KafkaFailed

_PATIENCE = 4.0  # seconds for a server to answer
_CLIENT_ID = b"samlet"
_API_VERSIONS, _SASL_HANDSHAKE = (18, 0), (17, 1)  # keys and versions of what anybody may ask
_NO_MECHANISM = "NONE"
_OTHERS_ONLY, _NO_SASL_HERE = 33, 34  # UNSUPPORTED_SASL_MECHANISM, ILLEGAL_SASL_STATE


def knock(servers: str, context: ssl.SSLContext, mechanism: str | None = None) -> None:
    """Return when one of the servers speaks TLS, and SASL by that mechanism, with us; else raise KafkaFailed."""
    trouble = KafkaFailed("nobody listens there")
    for server in servers.split(","):
        host, _, port = server.strip().rpartition(":")
        host = host.strip("[]")
        try:
            with socket.create_connection((host, int(port)), _PATIENCE) as connection:
                _enter(connection, context, host, mechanism)
            return
        except KafkaFailed as failure:
            trouble = failure
        except (OSError, ValueError):
            continue
    raise trouble


def _enter(connection: socket.socket, context: ssl.SSLContext, host: str, mechanism: str | None) -> None:
    try:
        secured = context.wrap_socket(connection, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        raise KafkaFailed(f"the broker's certificate is not trusted: {error.verify_message}") from error
    except ssl.SSLError as error:
        raise KafkaFailed(_no_tls(error.reason)) from error
    except OSError as error:
        raise KafkaFailed(_no_tls(None)) from error
    with contextlib.closing(secured):
        # With TLS 1.3 a client hears only now that its certificate is refused.
        try:
            _ask(secured, _API_VERSIONS, b"")
            wanted = (mechanism or _NO_MECHANISM).encode()
            answer = _ask(secured, _SASL_HANDSHAKE, struct.pack("!h", len(wanted)) + wanted)
        except TimeoutError as error:
            raise KafkaFailed("the broker does not answer") from error
        except (OSError, EOFError) as error:
            raise KafkaFailed(_refused(getattr(error, "reason", None))) from error
    _judge(answer, mechanism)


def _ask(secured: ssl.SSLSocket, api: tuple[int, int], body: bytes) -> bytes:
    """Return the body of the answer, which begins behind the number of the question."""
    question = struct.pack("!hhih", *api, 1, len(_CLIENT_ID)) + _CLIENT_ID + body
    secured.sendall(struct.pack("!i", len(question)) + question)
    (size,) = struct.unpack("!i", _read(secured, 4))
    return _read(secured, size)[4:]


def _read(secured: ssl.SSLSocket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        part = secured.recv(size - len(content))
        if not part:
            raise EOFError
        content += part
    return content


def _judge(answer: bytes, mechanism: str | None) -> None:
    error, count = struct.unpack_from("!hi", answer)
    offered, at = [], 6
    for _ in range(max(count, 0)):
        (length,) = struct.unpack_from("!h", answer, at)
        offered.append(answer[at + 2 : at + 2 + length].decode())
        at += 2 + length
    if error == _NO_SASL_HERE and mechanism:
        raise KafkaFailed("the broker asks for no password there, so this port is not the one for SASL")
    if error == _OTHERS_ONLY:
        named = ", ".join(sorted(offered))
        raise KafkaFailed(
            f"the broker wants a password there, by {named}" + (f", not {mechanism}" if mechanism else "")
        )


def _no_tls(reason: str | None) -> str:
    # An alert is said by somebody who speaks TLS.
    if reason and "ALERT" in reason:
        return _refused(reason)
    return "the broker does not speak TLS there, and SourceAccessConfigurations are for TLS only, as on AWS"


def _refused(reason: str | None) -> str:
    told = f" ({reason.lower().replace('_', ' ')})" if reason else ""
    return f"the broker wants a client certificate that it trusts{told}"
