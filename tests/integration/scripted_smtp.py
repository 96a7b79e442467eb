"""A mail server that does what the test's script says at each step, and records every message that it took.

It speaks just enough SMTP on a socket of its own, because a library's server can't hang, break off in the middle of a
message, or take one and never answer.
"""

import socket
import threading
from collections import defaultdict, deque
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Reply:
    """An answer instead of the usual one."""

    line: str


@dataclass(frozen=True)
class Drop:
    """The connection is reset; nothing is answered."""


@dataclass
class Hold:
    """Nothing is answered until the test says so; `reached` tells that the client waits."""

    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)


Action = Reply | Drop | Hold


class _Dropped(Exception):
    pass


class ScriptedSmtp:
    """Steps: connect, EHLO, AUTH, MAIL, RCPT, DATA, body (in the middle of the message) and dot (after its end)."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []  # every message that was answered with 250, or would have been
        self.recipients: list[str] = []
        self.steps: list[str] = []
        self._script: dict[str, deque[Action]] = defaultdict(deque)
        self._always: dict[str, Action] = {}
        self._holding: list[Hold] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def messages(self) -> list[EmailMessage]:
        return [message_from_bytes(raw, policy=policy.default) for raw in self.taken]

    def script(self, step: str, *actions: Action) -> None:
        """The next times that this step is reached, in order; then all goes well again."""
        self._script[step].extend(actions)

    def always(self, step: str, action: Action | None) -> None:
        self._always.pop(step, None)
        if action is not None:
            self._always[step] = action

    def __enter__(self) -> Self:
        self._spawn(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for hold in self._holding:
            hold.released.set()
        for connection in self._connections:
            connection.close()
        for thread in self._threads:
            thread.join(5)

    def _spawn(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            self._spawn(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rwb") as lines:
                self._talk(connection, lines)
        except (OSError, ValueError, _Dropped):
            return

    def _talk(self, connection: socket.socket, lines: Any) -> None:
        def answer(step: str, usual: str) -> bool:
            self.steps.append(step)
            line = self._act(step, usual, connection)
            lines.write(line.encode() + b"\r\n")
            lines.flush()
            return line == usual

        if not answer("connect", "220 scripted"):
            return
        recipient = ""
        while command := lines.readline():
            verb, _, rest = command.decode().strip().partition(" ")
            match verb.upper():
                case "EHLO" | "HELO":
                    answer("EHLO", "250-scripted\r\n250 AUTH PLAIN")
                case "AUTH":
                    answer("AUTH", "235 welcome")
                case "MAIL":
                    answer("MAIL", "250 ok")
                case "RCPT":
                    recipient = rest.removeprefix("TO:").removeprefix("to:").strip("<>")
                    answer("RCPT", "250 ok")
                case "DATA":
                    if answer("DATA", "354 go on"):
                        self._message(connection, lines, recipient, answer)
                case "QUIT":
                    answer("QUIT", "221 bye")
                    return
                case _:
                    answer(verb.upper(), "250 ok")

    def _message(self, connection: socket.socket, lines: Any, recipient: str, answer: object) -> None:
        content = lines.readline()
        self._act("body", "", connection)
        while (line := lines.readline()) != b".\r\n":
            if not line:
                raise _Dropped
            content += line.removeprefix(b".") if line.startswith(b"..") else line
        queue = self._script["dot"]
        planned = queue[0] if queue else self._always.get("dot")
        if not isinstance(planned, Reply) or planned.line.startswith("2"):
            self.taken.append(content)
            self.recipients.append(recipient)
        answer("dot", "250 taken")  # type: ignore[operator]

    def _act(self, step: str, usual: str, connection: socket.socket) -> str:
        queue = self._script[step]
        action = queue.popleft() if queue else self._always.get(step)
        match action:
            case Reply(line):
                return line
            case Drop():
                # A reset, so that the client learns of it at its next byte.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                connection.shutdown(socket.SHUT_RD)
                raise _Dropped
            case Hold():
                self._holding.append(action)
                action.reached.set()
                action.released.wait(60)
        return usual
