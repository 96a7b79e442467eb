"""Passwords: hashed with bcrypt over a keyed hash, so that a leaked database alone cannot be attacked.

bcrypt takes 72 bytes; HMAC-SHA-384 in base64 is 64, so passphrases of any length count in full. The pepper is a
setting, not in the database.
"""

import base64
import hmac
import unicodedata
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

import bcrypt

MIN_LENGTH = 8
MAX_LENGTH = 256
_COMMON = Path(__file__).with_name("common_passwords.txt")


@dataclass(frozen=True)
class Passwords:
    """Hashes and verifies; `cost` is bcrypt's, each step doubles the time."""

    pepper: str = field(repr=False)
    cost: int = 12

    def hash(self, password: str) -> str:
        """What is stored."""
        return bcrypt.hashpw(self._keyed(password), bcrypt.gensalt(self.cost)).decode()

    def matches(self, password: str, stored: str | None) -> bool:
        """Whether the password is the stored one; without a stored one it takes as long and is never true."""
        verified = bcrypt.checkpw(self._keyed(password), (stored or self._nobody).encode())
        return verified and stored is not None

    def outdated(self, stored: str) -> bool:
        """Whether the cost has changed since, so that it is to be hashed again."""
        return int(stored.split("$")[2]) != self.cost

    @cached_property
    def _nobody(self) -> str:
        return self.hash("nobody has this password")

    def warm(self) -> None:
        """Makes the hash for unknown users now, so that the first of them is not answered later than others."""
        _ = self._nobody

    def _keyed(self, password: str) -> bytes:
        normal = unicodedata.normalize("NFKC", password)
        return base64.b64encode(hmac.digest(self.pepper.encode(), normal.encode(), "sha384"))


def refuse_weak(password: str) -> str:
    """The password, or ValueError if it is too short, too long or known to everybody."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise ValueError(f"must have {MIN_LENGTH} to {MAX_LENGTH} characters")
    if password.casefold() in common_passwords():
        raise ValueError("is on the list of common passwords")
    return password


@cache
def common_passwords() -> frozenset[str]:
    """The list, in lower case."""
    return frozenset(_COMMON.read_text("utf-8").split())
