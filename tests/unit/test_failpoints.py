"""A fail point kills, and only where and when it is told to."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from taskflow import failpoints

LAYER = Path(__file__).resolve().parents[2] / "layers/common/python"
CODE = """
import sys
from taskflow.failpoints import reach
for step in range(3):
    reach("other")
    reach("here")
    sys.stdout.write(str(step))
    sys.stdout.flush()
"""


@pytest.mark.parametrize(
    ("fail_point", "out", "code"),
    [("", b"012", 0), ("elsewhere", b"012", 0), ("here", b"", -signal.SIGKILL), ("here@3", b"01", -signal.SIGKILL)],
)
def test_a_fail_point_kills_where_and_when_it_is_told_to(fail_point: str, out: bytes, code: int) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(LAYER), "FAIL_POINT": fail_point}
    ended = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, check=False)
    assert (ended.stdout, ended.returncode) == (out, code)


def test_the_signal_goes_to_this_very_process(monkeypatch: pytest.MonkeyPatch) -> None:
    signals: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: signals.append((pid, number)))
    monkeypatch.setattr(failpoints, "_NAME", "here")
    failpoints.reach("there")
    failpoints.reach("here")
    assert signals == [(os.getpid(), signal.SIGKILL)]
