"""Pages of a list: a cursor says where the next one starts, and is signed, so that nobody can make one up."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from taskflow.problems import Problem, invalid

DEFAULT_LIMIT = 50
MAX_LIMIT = 100
_SIGNATURE_BYTES = 16


@dataclass(frozen=True)
class Position:
    """The last row of a page, newest first: the next page has what is older."""

    created_at: datetime
    id: UUID


class Cursors:
    """Positions to opaque text and back, for one user: another's cursor is as bad as a forged one."""

    def __init__(self, key: str) -> None:
        self._key = hashlib.sha256(b"cursor:" + key.encode()).digest()

    def write(self, position: Position, user_id: UUID) -> str:
        """The cursor that continues after this position."""
        content = f"{position.created_at.isoformat()} {position.id}".encode()
        return base64.urlsafe_b64encode(self._sign(content, user_id) + content).decode().rstrip("=")

    def read(self, cursor: str, user_id: UUID) -> Position:
        """The position of a cursor; InvalidRequest if it is not one of ours."""
        try:
            raw = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (UnicodeEncodeError, binascii.Error):
            raise _bad() from None
        signature, content = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._sign(content, user_id)):
            raise _bad()
        moment, _, identifier = content.decode().partition(" ")
        return Position(datetime.fromisoformat(moment), UUID(identifier))

    def _sign(self, content: bytes, user_id: UUID) -> bytes:
        return hmac.digest(self._key, user_id.bytes + content, "sha256")[:_SIGNATURE_BYTES]


def _bad() -> Problem:
    return invalid("query.cursor", "cursor_invalid", "is not a cursor of this list")
