"""What a Mailpit has been sent, told in the words of our own mail sink."""

import http.client
import json
from typing import Any
from urllib.parse import quote, urlsplit

from samlet.errors import ServiceFailed

_PAGE = 200
_PATIENCE = 5.0  # seconds


class Mailpit:
    """The mails of one Mailpit, over its HTTP API; `url` is where its web page is. Blocking."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.netloc
        self._connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection

    def list(self, limit: int | None = None) -> list[dict[str, Any]]:
        """The messages, newest first: `{id, received_at, from, to, subject, text, html}`; at most `limit`."""
        found: list[dict[str, Any]] = []
        while True:
            page = self._json(f"/api/v1/messages?start={len(found)}&limit={_PAGE}")["messages"]
            found += [self._told(summary) for summary in page[: None if limit is None else limit - len(found)]]
            if len(page) < _PAGE or len(found) == limit:
                return found

    def source(self, mail: str) -> bytes | None:
        """One message as it came; None where there is none."""
        if all(summary["ID"] != mail for summary in self._json(f"/api/v1/messages?limit={_PAGE}")["messages"]):
            return None
        return self._ask("GET", f"/api/v1/message/{quote(mail, safe='')}/raw")

    def mark(self) -> str:
        """Another text whenever a message came or went."""
        told = self._json("/api/v1/messages?limit=1")
        return f"{told['total']} {[summary['ID'] for summary in told['messages']]}"

    def clear(self) -> int:
        """Delete every message and return how many there were."""
        number = int(self._json("/api/v1/messages?limit=1")["total"])
        self._ask("DELETE", "/api/v1/messages")
        return number

    def _told(self, summary: dict[str, Any]) -> dict[str, Any]:
        message = self._json(f"/api/v1/message/{quote(summary['ID'])}")
        people = [person for kind in ("To", "Cc", "Bcc") for person in message.get(kind) or []]
        return {
            "id": message["ID"],
            "received_at": summary["Created"],
            "from": (message["From"] or {}).get("Address", ""),
            "to": [person["Address"] for person in people],
            "subject": message["Subject"],
            "text": (message["Text"] or "").replace("\r\n", "\n") or None,
            "html": (message["HTML"] or "").replace("\r\n", "\n") or None,
        }

    def _json(self, path: str) -> dict[str, Any]:
        try:
            told: dict[str, Any] = json.loads(self._ask("GET", path))
        except ValueError as error:
            raise ServiceFailed(
                f"MAILPIT_URL names {self._host}, which is no Mailpit: its answer is no JSON"
            ) from error
        return told

    def _ask(self, method: str, path: str) -> bytes:
        connection = self._connect(self._host, timeout=_PATIENCE)
        try:
            connection.request(method, path, headers={"Accept": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise ServiceFailed(
                f"MAILPIT_URL names a Mailpit at {self._host}, which does not answer: {error}"
            ) from error
        finally:
            connection.close()
        if answer.status != http.HTTPStatus.OK:
            raise ServiceFailed(f"Mailpit answers {answer.status} to {method} {path}")
        return content
