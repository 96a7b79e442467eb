"""How the commands talk to a running Samlet: plain HTTP to its console, found through the state folder."""

import argparse
import base64
import http.client
import json
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from samlet import settings
from samlet.cli.selection import selected
from samlet.errors import NotRunning, ProjectError, SamletError

_PATIENCE = 5  # seconds to be let in; an answer may take as long as a function runs


def console_of(arguments: argparse.Namespace) -> "Remote":
    """Return the console of the selected project's Samlet; SAMLET_CONSOLE_PORT names one without a project."""
    chosen = settings.read(os.environ)
    port = chosen.ports["console"]
    if chosen.console_named and port:
        return Remote(f"http://127.0.0.1:{port}")
    address = address_of(arguments, "console")
    if address is None:
        raise NotRunning("nothing runs here; start it with `samlet up` or `samlet start --template FILE`")
    return Remote(address)


def address_of(arguments: argparse.Namespace, part: str) -> str | None:
    """Return where a part of the selected project's Samlet listens, None when none runs."""
    try:
        _, chosen, state = selected(arguments)
    except ProjectError:
        if arguments.template or arguments.config or not os.environ.get("SAMLET_STATE_DIR"):
            raise
        chosen = settings.read(os.environ)
        assert chosen.state_folder
        from samlet.state import State

        state = State(chosen.state_folder)
    running = state.running()
    return running.addresses.get(part) if running else None


class Remote:
    """One HTTP server of a running Samlet."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._host = urlsplit(url).netloc

    def get(self, path: str) -> Any:
        """Return the JSON at `path`."""
        return json.load(self._request("GET", path))

    def post(self, path: str, body: bytes = b"") -> Any:
        """Return the JSON that a POST to `path` answers."""
        return json.load(self._request("POST", path, body))

    def lines(self, path: str) -> Iterator[str]:
        """Yield the lines at `path` as they come."""
        try:
            with self._request("GET", path) as response:
                for line in _lines(response):
                    yield line.decode()
        except (ConnectionError, http.client.HTTPException) as error:
            raise NotRunning(f"Samlet ended meanwhile ({self._url})") from error

    def _request(self, method: str, path: str, body: bytes = b"") -> http.client.HTTPResponse:
        response = self.open(method, path, body)
        if response.status >= http.HTTPStatus.BAD_REQUEST:
            raise SamletError(_explain(response))
        return response

    def open(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> http.client.HTTPResponse:
        """Return the answer, whatever its status."""
        connection = http.client.HTTPConnection(self._host, timeout=_PATIENCE)
        try:
            connection.connect()
            connection.sock.settimeout(None)
            connection.request(method, path, body or None, {"Connection": "close"} | (headers or {}))
            return connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise NotRunning(f"nothing answers at {self._url} ({error}); start it with `samlet up`") from error


def _lines(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """As iterating over it would, which however takes an answer that breaks off for one that is over."""
    rest = b""
    while chunk := response.read1(64 * 1024):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    if rest:
        yield rest


def _explain(response: http.client.HTTPResponse) -> str:
    text = response.read().decode(errors="replace")
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return f"{response.status} {response.reason}: {text.strip()}"


def log_text(tail: str) -> str:
    """The tail of an invocation's log, from base64; the runtime client joins a stack trace by carriage returns."""
    return base64.b64decode(tail).decode(errors="replace").replace("\r", "\n")
