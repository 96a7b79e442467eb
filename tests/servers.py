"""The real servers that tests share: one of a kind a test run, whatever the number of workers.

Every worker holds a shared lock on `users`, which the kernel lets go of when the worker ends, even by kill -9. The
server runs in a process of its own (`python tests/servers.py KIND FOLDER`), which stops when it gets that lock alone.
"""

import asyncio
import contextlib
import fcntl
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]
_START_WITHIN = 150  # seconds; the first start downloads


@dataclass(frozen=True)
class PostgresServer:
    """The running server; `admin_url` is that of the administrator, who is no superuser."""

    host: str
    port: int
    database: str
    admin_url: str


@contextlib.contextmanager
def shared_server(kind: str, folder: Path) -> Iterator[dict[str, Any]]:
    """What a server of `kind` tells of itself; it is started by the first user and stops after the last one."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "users").open("a") as users:
        with _locked(folder / "starting"):
            fcntl.flock(users, fcntl.LOCK_SH)
            told = folder / "told.json"
            if not told.exists():
                _start(kind, folder)
            facts = json.loads(told.read_text())
        yield facts


def _start(kind: str, folder: Path) -> None:
    """Start the process and wait until it has written what it is, or has failed."""
    from waiting import eventually  # the process itself, which runs this file with -P, cannot see it

    log = folder / "log"
    # -P, because a folder of the package's name lies beside this file: samlet's tests
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-P", __file__, kind, str(folder)],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    told = folder / "told.json"
    eventually(lambda: told.exists() or process.poll() is not None, timeout=_START_WITHIN)
    if not told.exists():
        raise RuntimeError(f"the tests' {kind} did not start:\n{log.read_text()}")
    process.returncode = 0  # it outlives this worker on purpose, and nobody is to wait for it


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


async def _serve(kind: str, folder: Path) -> None:
    from samlet.processes import Reaper
    from samlet.services import reset

    state = Path(tempfile.mkdtemp(prefix=f"samlet-tests-{kind}-"))
    with Reaper() as reaper:
        server = _make(kind, state, reaper)
        try:
            await asyncio.wait_for(server.start(), _START_WITHIN)
            _tell(folder, _facts(server))
            await _until_unused(folder)
        finally:
            await server.stop()
            reset(state)
            shutil.rmtree(state, ignore_errors=True)


def _make(kind: str, state: Path, reaper: Any) -> Any:
    from samlet.services import Kafka, Postgres, postgres
    from samlet.services.maven import downloads_folder

    downloads = downloads_folder(CHECKOUT / ".samlet")
    if kind == "postgres":
        # Each test has a database of its own, and making one waits for the disk again and again. What a killed server
        # keeps doesn't depend on it, only what a machine keeps without power; Samlet's own server has all of it on.
        postgres._SETTINGS |= dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes"), "off")
        return Postgres(state, port=0, database="tests", reaper=reaper, downloads=downloads)
    return Kafka(state, port=0, reaper=reaper, downloads=downloads)


def _facts(server: Any) -> dict[str, Any]:
    names = ("host", "port", "database", "admin_url", "bootstrap_servers")
    return {name: getattr(server, name) for name in names if hasattr(server, name)}


def _tell(folder: Path, facts: dict[str, Any]) -> None:
    draft = folder / "told.draft"
    draft.write_text(json.dumps(facts))
    draft.rename(folder / "told.json")


async def _until_unused(folder: Path) -> None:
    """Return when no worker is left, and leave the folder such that a late one starts a server anew."""
    while True:
        await asyncio.sleep(0.3)
        with (folder / "users").open("a") as users, contextlib.suppress(BlockingIOError):
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            (folder / "told.json").unlink()
            return


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], Path(sys.argv[2])))
