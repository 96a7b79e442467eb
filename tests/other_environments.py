"""Environments other than the one that the tests run in: another Python, or the other Kafka client."""

import fcntl
import hashlib
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from servers import CHECKOUT

_HOME = CHECKOUT / ".samlet" / "test-environments"
_LOCK = CHECKOUT / "tests" / "requirements.txt"
_OTHER_CLIENT = CHECKOUT / "tests" / "kafka-python.txt"


def with_other_client() -> Path:
    """The interpreter of an environment with the other client, and behind it everything that is installed here.

    A package is found where it is met first, so that no file of the client that is installed here is ever read.
    """
    return _environment(Path(sys.executable), _OTHER_CLIENT.read_text(), behind=sysconfig.get_path("purelib"))


def with_other_python(python: Path) -> Path:
    """The interpreter of an environment of `python` with everything that the tests need."""
    return _environment(python, _LOCK.read_text(), behind="")


def _environment(python: Path, locked: str, behind: str) -> Path:
    """Built once for each content."""
    name = hashlib.sha256(f"{python}\n{locked}\n{behind}".encode()).hexdigest()[:16]
    folder = _HOME / f"tests-{name}"
    _HOME.mkdir(parents=True, exist_ok=True)
    with (_HOME / f"tests-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _build(python, folder, locked, behind)
    return folder / "bin" / "python"


def _build(python: Path, folder: Path, locked: str, behind: str) -> None:
    _run(python, "-m", "venv", folder)
    lock = folder / "requirements.txt"
    lock.write_text(locked)
    # The lock names everything that is needed; only what is imported will be compiled.
    _run(folder / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-input",
         "--no-deps", "--no-compile", "--require-hashes", "-r", lock)  # fmt: skip
    if behind:
        (own,) = folder.glob("lib/python*/site-packages")
        (own / "behind.pth").write_text(f"import site; site.addsitedir({behind!r})\n")
    (folder / "complete").touch()


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        raise RuntimeError(f"{' '.join(map(str, command))} failed")
