"""Environments other than the one that the tests run in: another Python, or the other Kafka client."""

import fcntl
import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

from servers import CHECKOUT

_HOME = CHECKOUT / ".samlet" / "test-environments"
_LOCK = CHECKOUT / "tests" / "requirements.txt"
_OTHER_CLIENT = CHECKOUT / "tests" / "kafka-python.txt"


def requirements(*, other_client: bool) -> str:
    """The locked requirements of the tests; the two clients overwrite each other, so never both."""
    locked = _LOCK.read_text()
    if not other_client:
        return locked
    without = re.sub(r"^kafka-python-ng==.*\n(?:[ \t]+.*\n)*", "", locked, flags=re.MULTILINE)
    assert without != locked
    return without + _OTHER_CLIENT.read_text()


def python_with(python: Path, *, other_client: bool = False) -> Path:
    """The interpreter of an environment with everything that the tests need; built once for each content."""
    wanted = requirements(other_client=other_client)
    name = hashlib.sha256(f"{python}\n{wanted}".encode()).hexdigest()[:16]
    folder = _HOME / f"tests-{name}"
    _HOME.mkdir(parents=True, exist_ok=True)
    with (_HOME / f"tests-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _build(python, folder, wanted)
    return folder / "bin" / "python"


def _build(python: Path, folder: Path, wanted: str) -> None:
    _run(python, "-m", "venv", folder)
    lock = folder / "requirements.txt"
    lock.write_text(wanted)
    _run(folder / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-input",
         "--require-hashes", "-r", lock)  # fmt: skip
    (folder / "complete").touch()


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        raise RuntimeError(f"{' '.join(map(str, command))} failed")
