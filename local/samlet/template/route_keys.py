"""Route keys of HTTP APIs: what each looks like."""

import re

from samlet.template.properties import Properties

_KEY = re.compile(r"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|ANY) (/\S*)")
DEFAULT = "$default"


def check_key(key: str, properties: Properties, name: str) -> None:
    """Raise a TemplateError at the property `name`, which gives the key, if it is none."""
    if not _KEY.fullmatch(key) and key != DEFAULT:
        raise properties.error(name, f"{key} is no route key; it looks like `GET /path` or $default")
    if "+}/" in key:
        raise properties.error(name, f"{key}: what comes after a greedy variable would match nothing")


def method_and_path(key: str) -> tuple[str, str]:
    """Split a key that has been checked; the default route is for any method."""
    method, _, path = key.rpartition(" ")
    return method or "ANY", path
