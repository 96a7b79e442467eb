"""The environments that tools like moto are installed into."""

import asyncio
import contextlib
from pathlib import Path

import psutil
import pytest

from samlet.errors import ServiceFailed
from samlet.processes import Reaper
from samlet.services.tool_environment import tool_environment


async def test_what_cannot_be_installed_is_said_in_one_line(state: Path, reaper: Reaper) -> None:
    requirements = state / "none.txt"
    requirements.write_text(f"no-such-package==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(ServiceFailed, match="tool cannot be installed: ") as failed:
        await tool_environment("tool", requirements, state / "environments", reaper)
    assert "\n" not in str(failed.value)


async def test_an_installation_that_is_stopped_ends_at_once_with_its_processes_and_counts_as_none(
    state: Path, reaper: Reaper, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()
    lines: list[asyncio.StreamWriter] = []

    async def never_answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(writer)
        asked.set()

    index = await asyncio.start_server(never_answer, "127.0.0.1", 0)
    try:
        port = index.sockets[0].getsockname()[1]
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{port}/simple")
        requirements = state / "requirements.txt"
        requirements.write_text(f"pack==1.0 --hash=sha256:{'0' * 64}\n")
        folder = state / "environments"
        installing = asyncio.create_task(tool_environment("tool", requirements, folder, reaper))
        await asyncio.wait_for(asked.wait(), 60)
        waiting = asyncio.create_task(tool_environment("tool", requirements, folder, reaper))
        assert any(str(folder) in line for line in _command_lines())
        for task in (waiting, installing):
            task.cancel()
        told = await asyncio.gather(waiting, installing, return_exceptions=True)
        assert [type(each) for each in told] == [asyncio.CancelledError] * 2
        assert not [line for line in _command_lines() if str(folder) in line]
    finally:
        index.close()
        for line in lines:
            line.close()
    assert not list(folder.glob("*/.complete"))


def _command_lines() -> list[str]:
    """Those of all processes that this one has started, and they in turn."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # ended since it was listed
            found.append(" ".join(process.cmdline()))
    return found
