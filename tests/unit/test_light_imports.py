"""A function imports only what it uses: what it doesn't, costs every sandbox memory and every cold start time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HTTP = {"fastapi", "starlette", "mangum"}
HEAVY = HTTP | {"alembic", "bcrypt", "boto3", "jinja2", "jwt", "kafka", "pydantic", "sqlalchemy"}
HEAVY |= {"opentelemetry", "opentelemetry.sdk", "google.protobuf", "requests"}
USED = {
    "meta": HTTP | {"opentelemetry", "pydantic"},  # FastAPI brings OpenTelemetry's API; its SDK nobody loads unasked
    "outbox_relay": {"kafka", "pydantic", "sqlalchemy"},
    "nightly_digest": {"pydantic", "sqlalchemy"},
    "mail_sender": {"jinja2", "pydantic", "sqlalchemy"},
    "housekeeping": {"sqlalchemy"},
    "migrate": {"alembic", "kafka", "pydantic", "sqlalchemy"},
}


@pytest.mark.parametrize("function", USED)
def test_a_door_loads_nothing_that_it_does_not_use(function: str) -> None:
    unused = sorted(HEAVY - USED[function])
    code = f"import sys, {function}.handler; sys.exit(' '.join(set({unused!r}) & set(sys.modules)))"
    paths = os.pathsep.join(str(ROOT / folder) for folder in ("layers/common/python", "functions"))
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": paths}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert ended.stderr.strip() == ""
