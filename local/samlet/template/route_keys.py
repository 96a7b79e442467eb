"""Route keys of HTTP APIs: what each looks like, and which of them AWS takes."""

import re

from samlet.template.properties import Properties

_KEY = re.compile(r"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|ANY) (/\S*)")
_PART = re.compile(r"[^{}]*|\{([^{}+]*)\+?\}")
_VARIABLE = re.compile(r"\{[^{}+]+(\+?)\}")
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


def slip(key: str) -> str | None:
    """Say what AWS does not take in a key that looks like one; None if it takes it."""
    _, path = method_and_path(key)
    if path != "/" and path.endswith("/"):
        return f"AWS takes no path that ends in a slash, so it is left out; write {path.rstrip('/') or '/'}"
    parts = [_PART.fullmatch(part) for part in path.split("/")]
    if None in parts:
        return "AWS takes a variable as a whole part of a path alone, so it is left out"
    names = [part[1] for part in parts if part and part[1] is not None]
    if "" in names:
        return "AWS takes no variable without a name, so it is left out"
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        return f"AWS takes a variable once in a path, so it is left out; give the second {{{twice}}} another name"
    return None


def nameless(key: str) -> str:
    """The key without the names of its variables: AWS takes no two that differ in nothing else."""
    return _VARIABLE.sub(r"{\1}", key)
