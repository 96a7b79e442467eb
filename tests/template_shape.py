"""A folder with a template of any shape, run by an emulator in this very process."""

import asyncio
import json
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import httpx

from samlet.emulator import Emulator, Options
from samlet.project import find
from samlet.settings import PORTS, Settings

SETTINGS: dict[str, Any] = {"ports": dict.fromkeys(PORTS, 0)}
PYTHON = Path(sys.executable)


class Shape:
    """A folder with a template, run by an emulator in this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, **files: str) -> None:
        """Write files, by their names with `_` for the dot."""
        for name, text in files.items():
            (self.folder / name.replace("_", ".")).write_text(dedent(text))

    def invoke(self, function: str, event: Any = None, **options: Any) -> Any:
        """Start it, invoke one function, and stop it; the function's answer."""
        project = find(template=self.folder / "template.yaml")
        emulator = Emulator(project, Settings(**SETTINGS), Options(sources=False, python=PYTHON, **options))

        async def once() -> Any:
            async with emulator.running():
                outcome = await emulator.invoke(function, json.dumps(event).encode())
            return json.loads(outcome.payload)

        return asyncio.run(once())

    def get(self, *paths: str) -> list[tuple[int, str]]:
        """Start it, ask the HTTP API for each path, and stop it."""
        project = find(template=self.folder / "template.yaml")
        emulator = Emulator(project, Settings(**SETTINGS), Options(python=PYTHON))

        async def all_of_them() -> list[tuple[int, str]]:
            async with emulator.running(), httpx.AsyncClient(base_url=emulator.addresses["api"]) as client:
                answers = [await client.get(path) for path in paths]
            return [(answer.status_code, answer.text) for answer in answers]

        return asyncio.run(all_of_them())
