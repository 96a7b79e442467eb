"""Filter criteria of a Kafka mapping: which records a function gets, and which are skipped."""

import json
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from samlet.cluster import Record
from samlet.event_operators import Test
from samlet.event_pattern import Tree, alternatives, compile_tree


class Verdict(Enum):
    """What becomes of a record; one that cannot be read is skipped, too."""

    WANTED = "wanted"
    UNWANTED = "unwanted"
    UNREADABLE = "unreadable"


class RecordFilter:
    """The filters of one mapping: a record passes if any pattern matches, or if there is none.

    A pattern for fields needs JSON, an object or an array, and one for the text itself anything else; what does not fit
    is skipped, as is every value that is no UTF-8.
    """

    def __init__(self, patterns: Sequence[Mapping[str, Any]]) -> None:
        self._alternatives = [_Alternative(tree) for pattern in patterns for tree in alternatives(pattern)]
        self._wants_fields = any(alternative.wants_fields for alternative in self._alternatives)
        self._wants_keys = any(alternative.wants_keys for alternative in self._alternatives)

    def judge(self, record: Record) -> Verdict:
        """Say what becomes of a record."""
        if not self._alternatives:
            return Verdict.WANTED
        try:
            key = _decoded(record.key) if self._wants_keys else None
            document = {"key": key, "value": _decoded(record.value)}
        except UnicodeDecodeError:
            return Verdict.UNREADABLE
        if any(alternative.matches(document) for alternative in self._alternatives):
            return Verdict.WANTED
        unfit = self._wants_fields and not isinstance(document["value"], dict | list)
        return Verdict.UNREADABLE if unfit else Verdict.UNWANTED


class _Alternative:
    """One pattern without `$or`."""

    def __init__(self, tree: Tree) -> None:
        self._test: Test = compile_tree(tree)
        self._fields = {name: isinstance(rule, dict) for name, rule in tree.items()}
        self.wants_fields = self._fields.get("value", False)
        self.wants_keys = "key" in self._fields

    def matches(self, document: Mapping[str, Any]) -> bool:
        fits = all(isinstance(document[name], dict | list) is fields for name, fields in self._fields.items())
        return fits and self._test(document)


def _decoded(data: bytes | None) -> Any:
    """What a pattern sees: JSON if it is some, else the text; nothing at all is null. Raises UnicodeDecodeError."""
    if data is None:
        return None
    text = data.decode()
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
