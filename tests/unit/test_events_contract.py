"""The committed contract is what the code says, and breaks nobody who reads the last released one."""

import copy
import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest
import yaml

from taskflow import events
from unit.test_events import WIRE

FOLDER = Path(__file__).resolve().parents[2] / "docs/contracts"
RELEASED = sorted((FOLDER / "events/released").glob("*.schema.json"))


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("events_contract", FOLDER / "events_contract.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


contract = _load()


def test_the_committed_files_are_what_the_code_generates() -> None:
    for name, text in contract.documents().items():
        assert (FOLDER / "events" / name).read_text("utf-8") == text, f"{name} is stale: run `make contracts`"
    committed = {path.name for path in (FOLDER / "events").iterdir() if path.is_file()} - {"README.md"}
    assert committed == set(contract.documents())


@pytest.mark.parametrize("wire", WIRE, ids=lambda wire: wire["type"])
def test_an_event_on_the_wire_fits_its_schema(wire: dict[str, Any]) -> None:
    schema = json.loads((FOLDER / "events" / f"{wire['type']}.schema.json").read_text("utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(wire)
    for field in wire:
        assert not validator.is_valid({name: value for name, value in wire.items() if name != field})


def test_asyncapi_refers_to_every_event() -> None:
    document = yaml.safe_load((FOLDER / "events/asyncapi.yaml").read_text("utf-8"))
    assert set(document["components"]["messages"]) == set(events.REGISTRY)
    for message in document["components"]["messages"].values():
        assert (FOLDER / "events" / message["payload"]["$ref"]).exists()


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: path.name)
def test_nothing_released_was_removed_or_changed(path: Path) -> None:
    name = path.name.removesuffix(".schema.json")
    assert name in events.REGISTRY, f"{name} was released and is gone"
    released = json.loads(path.read_text("utf-8"))
    assert list(contract.incompatibilities(released, contract.schema(events.REGISTRY[name]))) == []


def _without(schema: dict[str, Any], field: str) -> None:
    del schema["properties"][field]
    schema["required"].remove(field)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda schema: _without(schema, "title"), "/properties/title is gone"),
        (lambda schema: schema["required"].remove("title"), "/required: title is no longer certain"),
        (lambda schema: schema["properties"]["title"].update(type="integer"), "/properties/title/type was 'string'"),
    ],
)
def test_a_breaking_change_is_found(change: Any, complaint: str) -> None:
    released = contract.schema(events.TaskCreated)
    changed = copy.deepcopy(released)
    change(changed)
    assert any(found.startswith(complaint) for found in contract.incompatibilities(released, changed))


def test_a_new_field_is_no_breaking_change() -> None:
    released = contract.schema(events.TaskCreated)
    changed = copy.deepcopy(released)
    changed["properties"]["due_on"] = {"type": "string", "format": "date"}
    changed["required"].append("due_on")
    assert list(contract.incompatibilities(released, changed)) == []
