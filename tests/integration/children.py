"""Invocations in processes of their own, which a fail point, or a signal, may stop half-way."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from integration.databases import Database

PROGRAM = Path(__file__).with_name("mail_child.py")


def start(
    database: Database, function: str, event: dict[str, Any], *, seconds: float = 60, **environment: str
) -> subprocess.Popen[str]:
    """One invocation, on its way."""
    settings = {"PATH": os.environ["PATH"], "POWERTOOLS_SERVICE_NAME": "taskflow", "WEB_URL": "https://app.example"}
    child = subprocess.Popen(
        [sys.executable, str(PROGRAM)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=settings | {"MAIL_FROM": "Taskflow <digest@example.com>"} | database.environment(function) | environment,
    )
    assert child.stdin is not None
    child.stdin.write(json.dumps({"function": function, "event": event, "seconds": seconds}))
    child.stdin.close()
    child.stdin = None
    return child


def answer_of(child: subprocess.Popen[str]) -> Any:
    """What the invocation answered; None where it died on the way."""
    output, errors = child.communicate(timeout=60)
    if child.returncode == -9:
        return None
    assert child.returncode == 0, output + errors
    return json.loads(output.strip().splitlines()[-1])
