"""Hides what opens doors (tokens, cookies, passwords) in what is shown, until somebody asks to see it.

The names of fields and headers decide; the record keeps everything, so that an event can be replayed.
"""

import json
import re
from typing import Any

HIDDEN = "•••"
_NAME = re.compile(
    r"authorization|cookie|password|passwd|secret|token|api[-_]?key|credential|private[-_]?key", re.IGNORECASE
)
_PAIR = re.compile(
    r'("[^"\\]*(?:authorization|cookie|password|passwd|secret|token|api[-_]?key|credential)[^"\\]*"\s*:\s*)"(?:[^"\\]|\\.)*"?',
    re.IGNORECASE,
)
_BEARER = re.compile(r"\bBearer\s+[\w.~+/=-]{8,}|\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*")


def mask_text(text: str) -> str:
    """A JSON text with what is secret hidden; what is no JSON loses its bearer tokens."""
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return _BEARER.sub(HIDDEN, _PAIR.sub(rf'\1"{HIDDEN}"', text))
    return json.dumps(masked(read), ensure_ascii=False)


def masked(value: Any, name: str = "") -> Any:
    """A JSON value with what is secret hidden, also in JSON that is written inside a text."""
    if name and _NAME.search(name) and value not in (None, "", [], {}) and not isinstance(value, bool | int | float):
        return HIDDEN
    if isinstance(value, dict):
        return {key: masked(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    if isinstance(value, str) and len(value) > 7:
        return mask_text(value) if value[0] in "{[" else _BEARER.sub(HIDDEN, value)
    return value
