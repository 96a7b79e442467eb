"""Nothing outlives Samlet, however Samlet ends."""

import asyncio
import os
import pwd
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import uvloop

from samlet.processes import Reaper, confined, for_another_python, spawn, terminate
from waiting import eventually, eventually_async

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)",
]


@pytest.fixture
def reaper() -> Iterator[Reaper]:
    with Reaper() as reaper:
        yield reaper


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_a_process_leads_a_group_of_its_own(reaper: Reaper) -> None:
    process = await spawn(SLEEP, reaper=reaper, env=os.environ)
    assert os.getpgid(process.pid) == process.pid
    assert await terminate(process, 5) == -signal.SIGTERM


async def test_without_grace_a_process_is_killed_at_once(reaper: Reaper) -> None:
    process = await spawn(SLEEP, reaper=reaper, env=os.environ)
    assert await terminate(process, 0) == -signal.SIGKILL


async def test_a_process_that_ignores_the_signal_is_killed_after_the_grace(reaper: Reaper) -> None:
    process = await spawn(STUBBORN, reaper=reaper, env=os.environ, stdout=subprocess.PIPE)
    assert process.stdout
    await process.stdout.readline()
    started = time.monotonic()
    assert await terminate(process, 0.3) == -signal.SIGKILL
    assert time.monotonic() - started >= 0.3


async def test_the_group_ends_with_its_leader(reaper: Reaper) -> None:
    script = "import subprocess; print(subprocess.Popen(['sleep', '600']).pid, flush=True); input()"
    process = await spawn(
        [sys.executable, "-c", script],
        reaper=reaper,
        env=os.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin
    assert process.stdout
    grandchild = int(await process.stdout.readline())
    assert alive(grandchild)
    process.kill()
    await process.stdout.read()  # ends when the last of the group has gone
    await process.wait()
    await eventually_async(lambda: not alive(grandchild))


@pytest.mark.parametrize(("grace", "script"), [(0, SLEEP), (0.3, SLEEP), (0.3, STUBBORN)])
def test_when_samlet_is_killed_its_processes_end(grace: float, script: str) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(f"""
            import asyncio, os
            from samlet.processes import Reaper, spawn
            async def main():
                with Reaper() as reaper:
                    process = await spawn({script!r}, reaper=reaper, env=os.environ, grace={grace})
                    print(process.pid, reaper.pid, flush=True)
                    await asyncio.sleep(600)
            asyncio.run(main())
        """)],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    with parent:
        assert parent.stdout
        child, helper = map(int, parent.stdout.readline().split()[-2:])
        assert alive(child)
        parent.kill()
        eventually(lambda: not alive(child))
        eventually(lambda: not alive(helper))


async def test_closing_the_reaper_ends_what_is_left() -> None:
    reaper = Reaper()
    process = await spawn(SLEEP, reaper=reaper, env=os.environ)
    await asyncio.to_thread(reaper.close)
    assert await process.wait() == -signal.SIGKILL


@pytest.mark.timeout(30)  # the helper would wait for a minute
async def test_closing_the_reaper_waits_for_no_child_that_only_the_waiting_loop_could_bury() -> None:
    reaper = Reaper()
    process = await spawn(SLEEP, reaper=reaper, env=os.environ)
    reaper.close()
    assert not alive(process.pid)
    await process.wait()


async def test_a_confined_process_and_its_group_end_with_the_block_that_is_cancelled(reaper: Reaper) -> None:
    script = f"{sys.executable} -c 'import time; time.sleep(600)' & echo $!; wait"
    children: list[int] = []

    async def run() -> None:
        process = await spawn(["sh", "-c", script], reaper=reaper, env=os.environ, stdout=subprocess.PIPE)
        assert process.stdout
        async with confined(process):
            children.extend([process.pid, int(await process.stdout.readline())])
            await process.wait()

    running = asyncio.create_task(run())
    await eventually_async(lambda: len(children) == 2)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await eventually_async(lambda: not any(map(alive, children)))  # who buries the grandchild is not ours


async def test_a_confined_process_that_ends_by_itself_keeps_its_status(reaper: Reaper) -> None:
    async with confined(await spawn(["sh", "-c", "exit 3"], reaper=reaper, env=os.environ)) as process:
        await process.wait()
    assert process.returncode == 3


LOOPS = [None, uvloop.new_event_loop]


@pytest.mark.parametrize("loop", LOOPS, ids=["asyncio", "uvloop"])
def test_on_either_loop_a_group_ends_with_its_leader_and_ours_does_not(reaper: Reaper, loop: Any) -> None:
    async def scenario() -> None:
        process = await spawn(SLEEP, reaper=reaper, env=os.environ)
        assert os.getpgid(process.pid) == process.pid != os.getpgid(0)
        assert await terminate(process, 0) == -signal.SIGKILL

    asyncio.run(scenario(), loop_factory=loop)


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become somebody else")
@pytest.mark.parametrize("loop", LOOPS, ids=["asyncio", "uvloop"])
def test_on_either_loop_another_users_process_has_that_user_and_none_of_our_groups(reaper: Reaper, loop: Any) -> None:
    async def scenario() -> bytes:
        told = "import os; print(os.getuid(), os.getgid() == os.getegid(), 0 in os.getgroups())"
        command = ["/usr/bin/env", "python3", "-c", told]
        somebody = pwd.getpwnam("nobody").pw_uid
        process = await spawn(
            command, reaper=reaper, env=os.environ, stdout=subprocess.PIPE, user=somebody, cwd=Path("/")
        )
        return (await process.communicate())[0]

    assert asyncio.run(scenario(), loop_factory=loop).split() == [
        str(pwd.getpwnam("nobody").pw_uid).encode(),
        b"True",
        b"False",
    ]


def test_an_installer_keeps_the_hosts_settings_and_nothing_of_our_python() -> None:
    kept = {"PATH": "/bin", "HTTPS_PROXY": "http://proxy", "PIP_INDEX_URL": "http://index"}
    ours = {"PYTHONPATH": "/ours", "PYTHONDONTWRITEBYTECODE": "1", "VIRTUAL_ENV": "/ours", "PIP_TARGET": "/elsewhere"}
    assert for_another_python(kept | ours) == kept
