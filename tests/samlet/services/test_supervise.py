import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from samlet.errors import ServiceFailed
from samlet.processes import Reaper, spawn
from samlet.services.supervise import Supervised, end_leftover, open_log
from waiting import eventually_async

LIVES = "import time; time.sleep(600)"


async def ready() -> bool:
    return True


async def never() -> bool:
    return False


def child(
    code: str, log: Path, reaper: Reaper, *, probe: Callable[[], Awaitable[bool]] = ready, within: float = 10
) -> Supervised:
    async def launch() -> asyncio.subprocess.Process:
        with open_log(log) as opened:
            return await spawn([sys.executable, "-c", code], reaper=reaper, env={}, stdout=opened, stderr=opened)

    return Supervised("thing", launch, probe, log=log, within=within, grace=1, stop_signal=signal.SIGTERM)


def pid_of(supervised: Supervised) -> int:
    pid = supervised.status()["pid"]
    assert isinstance(pid, int)
    return pid


async def test_a_child_that_dies_is_started_again_and_counted(
    tmp_path: Path, reaper: Reaper, capsys: pytest.CaptureFixture[str]
) -> None:
    thing = child(LIVES, tmp_path / "log", reaper)
    await thing.start()
    for deaths in (1, 2):
        os.kill(pid_of(thing), signal.SIGKILL)
        await eventually_async(
            lambda: thing.status()["restarts"] == deaths and thing.status()["state"] == "ready"  # noqa: B023 - awaited here
        )
    told = capsys.readouterr().err
    assert "in 0.2 s" in told
    assert "in 0.4 s" in told
    await thing.stop()
    assert thing.status() == {"state": "stopped", "pid": None, "restarts": 2}


async def test_a_child_that_ends_at_once_is_an_error_with_its_last_words(tmp_path: Path, reaper: Reaper) -> None:
    thing = child("raise SystemExit('my last words')", tmp_path / "log", reaper, probe=never)
    with pytest.raises(ServiceFailed, match="my last words"):
        await thing.start()
    assert thing.status()["state"] == "stopped"


async def test_a_child_that_never_answers_is_an_error_and_is_ended(tmp_path: Path, reaper: Reaper) -> None:
    thing = child(LIVES, tmp_path / "log", reaper, probe=never, within=0.3)
    with pytest.raises(ServiceFailed, match="did not answer"):
        await thing.start()
    assert thing.status()["pid"] is None


async def test_a_stop_while_the_child_is_about_to_be_restarted_is_final(tmp_path: Path, reaper: Reaper) -> None:
    thing = child(LIVES, tmp_path / "log", reaper)
    await thing.start()
    os.kill(pid_of(thing), signal.SIGKILL)
    await eventually_async(lambda: thing.status()["state"] == "restarting")
    await thing.stop()
    assert thing.status()["state"] == "stopped"


async def test_a_leftover_is_ended_and_a_stranger_with_its_number_is_not(tmp_path: Path, reaper: Reaper) -> None:
    log = tmp_path / "log"
    thing = child(LIVES, log, reaper)
    await thing.start()
    note = log.with_suffix(".pid.json")
    ours = note.read_text()
    pid = pid_of(thing)

    note.write_text(f'{{"pid": {os.getpid()}, "created": 1.0}}')
    end_leftover(log)
    assert psutil.pid_exists(os.getpid())

    note.write_text(ours)
    await asyncio.to_thread(end_leftover, log)
    assert not note.exists()
    await eventually_async(lambda: thing.status()["pid"] != pid)
    await thing.stop()


async def test_a_child_is_looked_after_again_after_an_error_that_nobody_foresaw(
    tmp_path: Path, reaper: Reaper, capsys: pytest.CaptureFixture[str]
) -> None:
    async def probe() -> bool:
        if thing.status()["restarts"] == 1:
            raise ZeroDivisionError("nonsense")
        return True

    thing = child(LIVES, tmp_path / "log", reaper, probe=probe)
    await thing.start()
    os.kill(pid_of(thing), signal.SIGKILL)
    await eventually_async(lambda: "ZeroDivisionError" in str(thing.status().get("trouble")))
    os.kill(pid_of(thing), signal.SIGKILL)
    await eventually_async(lambda: thing.status()["restarts"] == 2 and thing.status()["state"] == "ready")
    await thing.stop()
    assert "looking after it begins again in 1 s" in capsys.readouterr().err


async def test_a_stop_that_is_called_off_is_called_off_and_another_one_ends_the_child(
    tmp_path: Path, reaper: Reaper
) -> None:
    thing = child(LIVES, tmp_path / "log", reaper)
    await thing.start()
    stopping = asyncio.create_task(thing.stop())
    await asyncio.sleep(0)  # until it waits for the end of the watch
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    await thing.stop()
    assert thing.status()["state"] == "stopped"
