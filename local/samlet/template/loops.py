"""`Fn::ForEach` of AWS::LanguageExtensions: repeats a piece of the template for each item of a list."""

import re
from collections.abc import Callable
from typing import Any

from samlet.errors import TemplateError

EXTENSIONS = "AWS::LanguageExtensions"
_LOOP = "Fn::ForEach::"
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9]")


def unrolled(value: Any, resolve: Callable[[Any, str], Any], place: str = "") -> Any:
    """`value` without loops; `resolve` gives the items of a collection."""
    if isinstance(value, list):
        return [unrolled(item, resolve, f"{place}[{index}]") for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    for key, item in value.items():
        inner = f"{place}.{key}" if place else str(key)
        pieces = _turns(item, resolve, inner) if str(key).startswith(_LOOP) else [{key: unrolled(item, resolve, inner)}]
        for piece in pieces:
            twice = found.keys() & piece.keys()
            if twice:
                raise TemplateError(f"{inner}: makes {min(twice)} twice")
            found |= piece
    return found


def has_loops(value: Any) -> bool:
    """Whether there is a loop anywhere in it."""
    if isinstance(value, list):
        return any(map(has_loops, value))
    return isinstance(value, dict) and any(str(key).startswith(_LOOP) or has_loops(item) for key, item in value.items())


def _turns(loop: Any, resolve: Callable[[Any, str], Any], place: str) -> list[dict[str, Any]]:
    if not isinstance(loop, list) or len(loop) != 3 or not isinstance(loop[0], str) or not isinstance(loop[2], dict):
        raise TemplateError(f"{place}: needs a name, a list and a map")
    name, collection, body = loop
    items = resolve(collection, place)
    if not isinstance(items, list) or not all(isinstance(item, str | int) for item in items):
        raise TemplateError(f"{place}: needs a list of texts to go through")
    # A loop inside sees the outer one's item, in its list too; so the item goes in before it is unrolled.
    return [unrolled(_with_item(body, name, str(item)), resolve, place) for item in items]


def _with_item(value: Any, name: str, item: str) -> Any:
    if isinstance(value, str):
        return value.replace("${" + name + "}", item).replace("&{" + name + "}", _NOT_PLAIN.sub("", item))
    if isinstance(value, list):
        return [_with_item(inner, name, item) for inner in value]
    if not isinstance(value, dict):
        return value
    if value == {"Ref": name}:
        return item
    return {_with_item(key, name, item): _with_item(inner, name, item) for key, inner in value.items()}
