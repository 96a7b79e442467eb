"""What of a changed project can count at once, and what only at the next start."""

from collections.abc import Iterable, Mapping
from typing import Any

from samlet.model import Template
from samlet.project import Project

_SECTIONS = {
    "postgres": "services",
    "kafka": "services",
    "mail": "services",
    "web": "web",
    "secrets": "secrets",
    "on_start": "on_start",
    "jwks": "jwks",
    "kafka_secrets": "kafka_secrets",
    "correlation": "console",
}


def needs_restart(started: Project, now: Project) -> str:
    """The keys of samlet.toml that count only at a start and have changed since, as words; empty if there are none."""
    differing = (key for field, key in _SECTIONS.items() if getattr(started, field) != getattr(now, field))
    return ", ".join(dict.fromkeys(differing))


def differences(old: Template, new: Template) -> str:
    """How many parts of each kind a changed template has added, changed or taken away, as words."""
    kinds = {
        "function": (old.functions, new.functions),
        "HTTP API": (_named(old.apis), _named(new.apis)),
        "function URL": (_named(old.function_urls), _named(new.function_urls)),
        "schedule": (_schedules(old), _schedules(new)),
        "Kafka mapping": (_named(old.kafka_mappings), _named(new.kafka_mappings)),
        "queue mapping": (_named(old.queue_mappings), _named(new.queue_mappings)),
        "topic or bucket event": (_named(old.push_mappings), _named(new.push_mappings)),
    }
    counts = {kind: _differing(*pair) for kind, pair in kinds.items()}
    told = [f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in counts.items() if count]
    return ", ".join(told) or "nothing that runs"


def _named(parts: Iterable[Any]) -> dict[Any, object]:
    return {each.logical_id: each for each in parts}


def _schedules(template: Template) -> dict[Any, object]:
    return {(each.kind, each.group, each.name): each for each in template.schedules}


def _differing(old: Mapping[Any, object], new: Mapping[Any, object]) -> int:
    return sum(old.get(name) != new.get(name) for name in old.keys() | new.keys())
