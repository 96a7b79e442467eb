"""The events' contract, from the models in taskflow.events: a JSON Schema for each event, and an AsyncAPI document.

`generate.py` writes what `documents` gives. events/released/ holds the schemas of the last release: a release copies
them there (docs/how-to), and `incompatibilities` says what has changed since that a reader could trip over.
"""

import json
from collections.abc import Iterator
from typing import Any

import yaml

from taskflow import events, kafka, outbox

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_ONLY_WORDS = ("title", "description", "$schema")


def documents() -> dict[str, str]:
    """The generated files: path below docs/contracts/events, and text."""
    files = {f"{name}.schema.json": _as_json(schema(model)) for name, model in events.REGISTRY.items()}
    files["asyncapi.yaml"] = yaml.safe_dump(asyncapi(), sort_keys=False, allow_unicode=True, width=120)
    return files


def schema(model: type[events.Event]) -> dict[str, Any]:
    """The JSON Schema of an event as it is written; unknown fields are allowed, because later versions add some."""
    return {"$schema": _DRAFT} | model.model_json_schema(mode="serialization")


def asyncapi() -> dict[str, Any]:
    """Which event travels on which topic, under which key, with which headers."""
    partitions, retention_ms = kafka.TOPICS[events.TOPIC]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Taskflow events",
            "version": "1.0.0",
            "description": "Immutable facts, at least once, in commit order for each task. Fields may be added.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "events": {
                "address": events.TOPIC,
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in events.REGISTRY},
                "bindings": {"kafka": {"partitions": partitions, "topicConfiguration": {"retention.ms": retention_ms}}},
            }
        },
        "operations": {
            "publishEvent": {
                "action": "send",
                "channel": {"$ref": "#/channels/events"},
                "summary": "outbox_relay publishes what the outbox holds, in its order.",
            },
            "sendMail": {
                "action": "receive",
                "channel": {"$ref": "#/channels/events"},
                "summary": "mail_sender takes the events whose type begins with `email.`.",
                "messages": [
                    {"$ref": f"#/channels/events/messages/{name}"}
                    for name in events.REGISTRY
                    if name.startswith("email.")
                ],
            },
        },
        "components": {"messages": {name: _message(name, model) for name, model in events.REGISTRY.items()}},
    }


def _message(name: str, model: type[events.Event]) -> dict[str, Any]:
    key = {"type": "string", "format": "uuid", "description": "The event's user_id."}
    return {
        "name": name,
        "summary": model.__doc__,
        "contentType": outbox.CONTENT_TYPE,
        "headers": _headers(name),
        "payload": {"$ref": f"{name}.schema.json"},
        "bindings": {"kafka": {"key": key}},
    }


def _headers(name: str) -> dict[str, Any]:
    text = {"type": "string"}
    properties = {
        "ce_id": {"type": "string", "format": "uuid", "description": "The event's event_id."},
        "ce_type": {"type": "string", "const": name},
        "ce_source": {"type": "string", "const": outbox.SOURCE},
        "ce_time": {"type": "string", "format": "date-time", "description": "The event's occurred_at."},
        "ce_specversion": {"type": "string", "const": "1.0"},
        "content-type": {"type": "string", "const": outbox.CONTENT_TYPE},
    }
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties | {"traceparent": text | {"description": "W3C trace context of the request."}},
    }


def incompatibilities(released: dict[str, Any], current: dict[str, Any], place: str = "") -> Iterator[str]:
    """What a reader of the released schema could trip over; new fields are none of it.

    The schemas are the ones of writing: a field that was always there stays so, with the same rules.
    """
    for name, rule in released.items():
        here = f"{place}/{name}"
        if name in _ONLY_WORDS and isinstance(rule, str):  # a field may have such a name, too
            continue
        if name not in current:
            yield f"{here} is gone"
        elif isinstance(rule, dict) and isinstance(current[name], dict):
            yield from incompatibilities(rule, current[name], here)
        elif name == "required":
            yield from (f"{here}: {field} is no longer certain" for field in rule if field not in current[name])
        elif rule != current[name]:
            yield f"{here} was {rule!r} and is {current[name]!r}"


def _as_json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
