"""A function imports only what it uses: the relay and housekeeping start without FastAPI."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("fastapi", "starlette", "mangum", "jinja2", "bcrypt", "jwt", "alembic")


@pytest.mark.parametrize("function", ["outbox_relay", "housekeeping"])
def test_a_door_loads_nothing_that_it_does_not_use(function: str) -> None:
    code = f"import sys, {function}.handler; sys.exit(' '.join(set({HEAVY!r}) & set(sys.modules)))"
    paths = os.pathsep.join(str(ROOT / folder) for folder in ("layers/common/python", "functions"))
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": paths}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert ended.stderr.strip() == ""
