"""What a function starts in a session of its own, so that no signal to its process group is for it."""

import asyncio
import json
from pathlib import Path

import psutil
import pytest

from functions_on_the_spot import MakeFunction, Running
from waiting import eventually_async

SOURCE = """
    import os, subprocess, time
    def handler(event, context):
        daemon = subprocess.Popen(["sleep", "300"], start_new_session=True)
        with open(event["pid"], "w") as file:
            file.write(str(daemon.pid))
        if event["end"] == "crash":
            os._exit(4)
        if event["end"] == "time-out":
            time.sleep(60)
"""


def _runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("end", ["crash", "time-out"])
async def test_a_daemon_ends_when_its_sandbox_crashes_or_is_timed_out(
    make: MakeFunction, running: Running, tmp_path: Path, end: str
) -> None:
    told = tmp_path / "pid"
    async with running(make(SOURCE, timeout=1)) as functions:
        outcome = await functions.invoke("Echo", json.dumps({"pid": str(told), "end": end}).encode())
        assert not outcome.ok
        assert not _runs(int(told.read_text()))


async def test_a_daemon_lives_on_between_events_and_ends_with_samlet(
    make: MakeFunction, running: Running, tmp_path: Path
) -> None:
    told = tmp_path / "pid"
    async with running(make(SOURCE)) as functions:
        assert (await functions.invoke("Echo", json.dumps({"pid": str(told), "end": ""}).encode())).ok
        daemon = int(told.read_text())
        assert _runs(daemon)
    await eventually_async(lambda: not _runs(daemon))


async def test_a_daemon_of_another_sandbox_is_left_alone(make: MakeFunction, running: Running, tmp_path: Path) -> None:
    told, other = tmp_path / "pid", tmp_path / "other"
    async with running(make(SOURCE, timeout=30), max_sandboxes=2) as functions:
        slow = asyncio.ensure_future(
            functions.invoke("Echo", json.dumps({"pid": str(told), "end": "time-out"}).encode())
        )
        await eventually_async(lambda: told.exists() and told.read_text() != "")
        await functions.invoke("Echo", json.dumps({"pid": str(other), "end": "crash"}).encode())
        assert not _runs(int(other.read_text()))
        assert _runs(int(told.read_text()))
        slow.cancel()
