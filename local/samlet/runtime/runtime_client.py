"""The calls of the Runtime API over one socket, in place of the native half of AWS's client.

It runs inside a sandbox, by the function's own interpreter, and imports nothing but the standard library. AWS's loop
(`awslambdaric`) imports a module of this name for its calls; the one that comes with it wraps libcurl. This one differs
in two things: a handler for SIGTERM runs while it waits for an event, for which AWS's needs a thread an event; and the
answer to an event leaves together with the call for the next one, which takes half the messages. See ADR 22.
"""

import _socket  # `socket` is imported from the function's folder where that has one, as `select` is, which it imports
import os

_RUNTIME = "/2018-06-01/runtime/invocation/"
_LARGE = 64 * 1024  # bytes of an answer that may be refused for its size: whether it is has to be known first
_READ = 64 * 1024


class _Connection:
    def __init__(self, connected: _socket.socket, address: str) -> None:
        self._address = address
        self._common = f" HTTP/1.1\r\nHost: {address}\r\n"
        self._next = f"GET {_RUNTIME}next{self._common}\r\n".encode()
        self._socket = connected
        self._unread = b""
        self._asked = False  # for the next event
        self._owed = ""  # what is to be said if the last answer turns out to be refused
        # Two processes on one socket would get each other's events.
        os.register_at_fork(after_in_child=lambda: self._socket.close())

    def next(self) -> "tuple[bytes, dict[str, str | int]]":
        if not self._asked:
            self._send(self._next)
        self._asked = False
        self._confirm()
        status, headers, body = self._receive("Failed to get next")
        if status != 200:
            raise RuntimeError("Failed to get next")
        # A number, as AWS's own client has it.
        return body, {**headers, "Lambda-Runtime-Deadline-Ms": int(headers["Lambda-Runtime-Deadline-Ms"])}

    def post(self, call: str, body: bytes, headers: str, problem: str) -> None:
        head = f"POST {_RUNTIME}{call}{self._common}{headers}Content-Length: {len(body)}\r\n\r\n"
        self._owed = problem
        if len(body) < _LARGE:
            self._asked = True
            self._send(head.encode() + body + self._next)
        else:
            self._send(head.encode() + body)
            self._confirm()

    def _send(self, message: bytes) -> None:
        try:
            self._socket.sendall(message)
        except OSError:
            # A function may close every descriptor that it finds, as programs do that become daemons; or it has forked.
            self._socket.detach()  # its number may be another file's by now
            self._socket = _connected_to(self._address)
            self._socket.sendall(message)

    def _confirm(self) -> None:
        """Read what became of the last answer. Raises RuntimeError, which ends the process, if it was refused."""
        problem, self._owed = self._owed, ""
        if problem and self._receive(problem)[0] != 202:
            raise RuntimeError(problem)

    def _receive(self, problem: str) -> "tuple[int, dict[str, str], bytes]":
        while (end := self._unread.find(b"\r\n\r\n")) < 0:
            part = self._socket.recv(_READ)
            if not part:
                raise RuntimeError(problem)
            self._unread += part
        lines = self._unread[:end].decode().split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(": ")
            headers[name.title()] = value
        begin, length = end + 4, int(headers.get("Content-Length", 0))
        body, self._unread = self._unread[begin : begin + length], self._unread[begin + length :]
        if len(body) < length:
            body += self._read(length - len(body), problem)
        return int(lines[0].split(" ", 2)[1]), headers, body

    def _read(self, length: int, problem: str) -> bytes:
        """Read as many bytes of a body; in place, since joining them piece by piece would take a square of the time."""
        body, filled = bytearray(length), 0
        while filled < length:
            count = self._socket.recv_into(memoryview(body)[filled:])
            if not count:
                raise RuntimeError(problem)
            filled += count
        return bytes(body)


def _connected_to(address: str) -> _socket.socket:
    connected = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    connected.settimeout(None)  # whatever the function has set for every socket
    host, _, port = address.rpartition(":")
    connected.connect((host, int(port)))
    connected.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
    return connected


_connection: _Connection


def connect(channel: str) -> _socket.socket:
    """Use the open socket of that number; without one, connect to the Runtime API that the environment names."""
    global _connection  # the interface is AWS's: functions of a module
    address = os.environ["AWS_LAMBDA_RUNTIME_API"]
    if channel:
        connected = _socket.socket(fileno=int(channel))
        connected.settimeout(None)  # whatever a sitecustomize.py of the function's has set for every socket
        os.set_inheritable(connected.fileno(), False)  # noqa: FBT003  # it has no name
    else:
        connected = _connected_to(address)
    _connection = _Connection(connected, address)
    return connected


def initialize_client(user_agent: str) -> None:
    """AWS's loop tells its name; whom it speaks with is settled already."""


def next() -> "tuple[bytes, dict[str, str | int]]":  # noqa: A001  # AWS's name
    """Wait for an event; its payload and the headers it came with."""
    return _connection.next()


def post_invocation_result(
    invoke_id: str, result: bytes, content_type: str = "application/json", invocation_id: "str | None" = None
) -> None:
    """Answer an event; what is refused may be told only by `next`."""
    headers = f"Content-Type: {content_type}\r\n{_echo(invocation_id)}"
    _connection.post(f"{invoke_id}/response", result, headers, "Failed to post invocation response")


def post_error(invoke_id: str, error: str, xray_fault: str, invocation_id: "str | None" = None) -> None:
    """Tell that the function has failed; what is refused may be told only by `next`."""
    cause = f"Lambda-Runtime-Function-XRay-Error-Cause: {xray_fault}\r\n" if xray_fault else ""
    headers = f"Content-Type: application/json\r\n{cause}{_echo(invocation_id)}"
    _connection.post(f"{invoke_id}/error", error.encode(), headers, "Failed to post invocation error")


def _echo(invocation_id: "str | None") -> str:
    return f"Lambda-Runtime-Invocation-Id: {invocation_id}\r\n" if invocation_id else ""
