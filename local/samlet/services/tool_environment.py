"""An environment of its own for a server that is written in Python, so that Samlet itself depends on none of it."""

import asyncio
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from samlet.errors import ServiceFailed
from samlet.file_lock import locked
from samlet.log import say
from samlet.processes import Reaper, confined, for_another_python, spawn

_MARKER = ".complete"
_EVERY = 5  # seconds between two lines that tell how far it is


async def tool_environment(name: str, requirements: Path, folder: Path, reaper: Reaper) -> Path:
    """The Python of the environment with these pinned requirements, installed below `folder` on the first use.

    Raises ServiceFailed with the end of pip's words.
    """
    base = Path(getattr(sys, "_base_executable", sys.executable))
    packages = requirements.read_text("utf-8")  # noqa: ASYNC240 - a small file of our own
    digest = hashlib.sha256(f"{base} {sys.version_info} {sys.platform}\n{packages}".encode())
    target = folder / f"{name}-{digest.hexdigest()[:16]}"
    if not (target / _MARKER).exists():
        async with locked(folder / f"{name}.locks" / ".lock"):
            if not (target / _MARKER).exists():
                say(name, f"installing {packages.count('==')} packages (once; kept in {folder})")
                await _install(name, base, requirements, target, reaper)
    return target / "bin" / "python"


async def _install(name: str, base: Path, requirements: Path, target: Path, reaper: Reaper) -> None:
    started = time.monotonic()
    await asyncio.to_thread(shutil.rmtree, target, ignore_errors=True)
    await _run([base, "-m", "venv", target], name, reaper)
    options = ["--disable-pip-version-check", "--no-input", "--progress-bar=off", "--require-hashes"]
    await _run([target / "bin" / "python", "-m", "pip", "install", *options, "-r", requirements], name, reaper)
    (target / _MARKER).touch()
    say(name, f"installed in {time.monotonic() - started:.0f} s")


async def _run(arguments: Sequence[str | Path], name: str, reaper: Reaper) -> None:
    own = for_another_python(os.environ)
    process = await spawn(arguments, reaper=reaper, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout
    collected, told, last = 0, time.monotonic(), ""
    async with confined(process):
        async for line in process.stdout:
            last = line.decode(errors="replace").strip() or last
            collected += last.startswith("Collecting ")
            if time.monotonic() - told > _EVERY:
                told = time.monotonic()
                say(name, f"{collected} packages so far")
        status = await process.wait()
    if status:
        raise ServiceFailed(f"{name} cannot be installed: {last}")
