"""The committed event schemas."""

import json
from functools import cache
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).resolve().parents[2] / "docs" / "contracts" / "events"


@cache
def event_schema(type_name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((_FOLDER / f"{type_name}.schema.json").read_text())
    return schema
