"""HTTP with JSON, as little of it as the smoke test needs."""

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """What came back; `body` is parsed where it is JSON."""

    status: int
    body: Any
    headers: dict[str, str]


class Client:
    """One server; each request is a connection of its own. Raises OSError when nobody answers."""

    def __init__(self, url: str, *, patience: float = 35.0) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError(f"{url!r} is no http or https address")
        self.url = url.rstrip("/")
        self._connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._host, self._base, self._patience = parts.netloc, parts.path.rstrip("/"), patience

    def send(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> Answer:
        """One request and its answer."""
        connection = self._connect(self._host, timeout=self._patience)
        headers = {"content-type": "application/json"} if body is not None else {}
        if token:
            headers["authorization"] = f"Bearer {token}"
        try:
            connection.request(method, self._base + path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return Answer(response.status, _parsed(response.read()), {k.lower(): v for k, v in response.getheaders()})
        except http.client.HTTPException as error:
            raise OSError(f"{type(error).__name__}: {error}") from error
        finally:
            connection.close()


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")
