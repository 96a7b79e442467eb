"""The calls of the Runtime API over one socket, in place of the native half of AWS's client.

It runs inside a sandbox, by the function's own interpreter, and imports nothing but the standard library. AWS's loop
(`awslambdaric`) imports a module of this name for its calls; the one that comes with it wraps libcurl. This one differs
in three things: a handler for SIGTERM runs while it waits for an event, for which AWS's needs a thread an event; the
answer to an event leaves together with the call for the next one, which takes half the messages; and a message is no
HTTP but what channel.py, at the other end, says. See ADR 22.
"""

import _socket  # a declared PYTHONPATH may hold a module named `socket`, or `select`, which that imports
import os

_LARGE = 64 * 1024  # bytes of an answer that may be refused for its size: whether it is has to be known first
_READ = 64 * 1024
_NEXT = b"\0\0\0\4\0\0\0\0next"


class _Connection:
    def __init__(self, connected: _socket.socket, address: str) -> None:
        self._address = address
        self._socket = connected
        self._unread = b""
        self._asked = False  # for the next event
        self._owed = ""  # what is to be said if the last answer turns out to be refused
        # Two processes on one socket would get each other's events.
        os.register_at_fork(after_in_child=lambda: self._socket.close())

    def next(self) -> "tuple[bytes, dict[str, str | int]]":
        if not self._asked:
            self._send(_NEXT)
        self._asked = False
        problem, self._owed = self._owed or "Failed to get next", ""
        head, event = self._receive(problem)
        told = head.split("\n", 6)
        if told[0] != "event":
            raise RuntimeError(problem)
        _, request_id, deadline, arn, trace, nonce, context = told
        headers: dict[str, str | int] = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": int(deadline),  # a number, as AWS's own client has it
            "Lambda-Runtime-Invoked-Function-Arn": arn,
            "Lambda-Runtime-Invocation-Id": nonce,
        }
        if trace:
            headers["Lambda-Runtime-Trace-Id"] = trace
        if context:
            headers["Lambda-Runtime-Client-Context"] = context
        return event, headers

    def post(self, call: str, invoke_id: str, nonce: "str | None", kind: str, body: bytes, problem: str) -> None:
        """Answer an event. Raises RuntimeError, which ends the process, if that is refused: at once or in `next`."""
        if self._asked:
            # The function has answered by itself, and the next event may be here already: it is another process's.
            head = f"{call}\nagain\n{invoke_id}\n{nonce or ''}\n{kind}".encode()
            self._send(len(head).to_bytes(4, "big") + b"\0\0\0\0" + head)
            raise RuntimeError(problem)
        small = len(body) < _LARGE
        head = f"{call}\n{'' if small else 'confirm'}\n{invoke_id}\n{nonce or ''}\n{kind}".encode()
        message = len(head).to_bytes(4, "big") + len(body).to_bytes(4, "big") + head + body
        if small:
            self._owed, self._asked = problem, True
            self._send(message + _NEXT)
        else:
            self._send(message)
            if self._receive(problem)[0] != "accepted":
                raise RuntimeError(problem)

    def _send(self, message: bytes) -> None:
        try:
            self._socket.sendall(message)
        except OSError:
            # A function may close every descriptor that it finds, as programs do that become daemons; or it has forked.
            self._socket.detach()  # its number may be another file's by now
            self._socket = _connected_to(self._address)
            self._socket.sendall(message)

    def _receive(self, problem: str) -> "tuple[str, bytes]":
        """Read a message: its head and its body."""
        unread = self._unread
        while len(unread) < 8:
            unread += self._read(problem)
        begin = 8 + int.from_bytes(unread[:4], "big")
        end = begin + int.from_bytes(unread[4:8], "big")
        while len(unread) < begin:
            unread += self._read(problem)
        head, body, self._unread = unread[8:begin].decode(), unread[begin:end], unread[end:]
        missing = end - len(unread)
        return head, body + self._filled(missing, problem) if missing > 0 else body

    def _read(self, problem: str) -> bytes:
        part = self._socket.recv(_READ)
        if not part:
            raise RuntimeError(problem)
        return part

    def _filled(self, length: int, problem: str) -> bytes:
        """Read as many bytes of a body; in place, since joining them piece by piece would take a square of the time."""
        body, filled = bytearray(length), 0
        while filled < length:
            count = self._socket.recv_into(memoryview(body)[filled:])
            if not count:
                raise RuntimeError(problem)
            filled += count
        return bytes(body)


def _connected_to(address: str) -> _socket.socket:
    """Have a connection of the Runtime API's port speak as the inherited one does."""
    connected = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    connected.settimeout(None)  # whatever the function has set for every socket
    host, _, port = address.rpartition(":")
    connected.connect((host, int(port)))
    connected.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
    asked = f"GET /samlet/channel HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: samlet\r\n\r\n"
    connected.sendall(asked.encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        part = connected.recv(1)  # what follows is no HTTP
        if not part:
            connected.close()
            raise RuntimeError("The Runtime API has gone")
        answer += part
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
    _connection.post("response", invoke_id, invocation_id, content_type, result, "Failed to post invocation response")


def post_error(invoke_id: str, error: str, xray_fault: str, invocation_id: "str | None" = None) -> None:
    """Tell that the function has failed; what is refused may be told only by `next`."""
    _connection.post("error", invoke_id, invocation_id, xray_fault, error.encode(), "Failed to post invocation error")
