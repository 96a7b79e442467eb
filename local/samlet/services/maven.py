"""Fetches the services' files from Maven and trusts none that differs from the committed list.

jgo's resolver does the talking. It only warns of a wrong checksum, so every file is compared with `artifacts.toml`
(SHA-256 and size) before anything uses it. `python -m samlet.services.lock` writes that list anew.
"""

import fcntl
import hashlib
import os
import tempfile
import threading
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from samlet.errors import ServiceFailed
from samlet.log import say

PINS = Path(__file__).with_name("artifacts.toml")

POSTGRES_VERSION = "18.6.0"
_TRIES = 3
_AT_ONCE = 4
TIMEOUT = 30  # seconds without a byte


@dataclass(frozen=True)
class Artifact:
    """One file as it is pinned: `group:artifact:version`, its SHA-256 and its size in bytes."""

    coordinate: str
    sha256: str
    size: int

    @property
    def path(self) -> Path:
        """Where the file lies below a repository folder, in Maven's layout."""
        group, name, version = self.coordinate.split(":")
        return Path(*group.split("."), name, version, f"{name}-{version}.jar")


def downloads_folder(state: Path) -> Path:
    """Where downloads are kept: below SAMLET_CACHE_DIR, which several state folders may share, else below `state`."""
    shared = os.environ.get("SAMLET_CACHE_DIR")
    return (Path(shared).expanduser().resolve() if shared else state) / "downloads"


def pinned(bundle: str) -> tuple[Artifact, ...]:
    """The files of a bundle (`kafka`, `postgres-linux-amd64` …) as the committed list has them."""
    bundles = tomllib.loads(PINS.read_text("utf-8"))
    return tuple(Artifact(**file) for file in bundles[bundle]["files"])


def fetch(bundle: str, downloads: Path) -> list[Path]:
    """Return the checked files of a bundle, downloading what is missing; blocks, and needs no network for the rest."""
    artifacts = pinned(bundle)
    with folder_lock(downloads):
        missing = [artifact for artifact in artifacts if not _kept(artifact, downloads)]
        if missing:
            _download_all(bundle, missing, downloads)
    return [downloads / artifact.path for artifact in artifacts]


def to_download(bundle: str, downloads: Path) -> int:
    """How many bytes of a bundle are still to be downloaded, judged by the files' sizes alone."""
    places = ((artifact.size, downloads / artifact.path) for artifact in pinned(bundle))
    return sum(size for size, file in places if not file.exists() or file.stat().st_size != size)


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process and thread, so that two starts never unpack or download over each other."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _kept(artifact: Artifact, downloads: Path) -> bool:
    file = downloads / artifact.path
    if not file.exists():
        return False
    if _matches(file, artifact):
        return True
    say("downloads", f"{file} is damaged and is fetched again", level="warning")
    file.unlink()
    return False


def _matches(file: Path, artifact: Artifact) -> bool:
    if file.stat().st_size != artifact.size:
        return False
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest() == artifact.sha256


def _download_all(bundle: str, missing: list[Artifact], downloads: Path) -> None:
    progress = _Progress(bundle, missing)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        # list() so that the first failure surfaces here
        list(pool.map(lambda artifact: _download(artifact, downloads, progress), missing))


def _download(artifact: Artifact, downloads: Path, progress: "_Progress") -> None:
    for attempt in range(1, _TRIES + 1):
        try:
            return _download_once(artifact, downloads, progress)
        except (OSError, RuntimeError) as error:  # requests' errors are OSErrors; RuntimeError is jgo's "not found"
            if attempt == _TRIES:
                raise ServiceFailed(f"{artifact.coordinate} cannot be downloaded from Maven: {error}") from error
            time.sleep(attempt)
    return None


def _download_once(artifact: Artifact, downloads: Path, progress: "_Progress") -> None:
    """Download beside the cache and move the file in only when it is whole and right."""
    with tempfile.TemporaryDirectory(prefix=".incoming-", dir=downloads) as incoming:
        file = _resolve(artifact.coordinate, Path(incoming))
        if not _matches(file, artifact):
            raise ServiceFailed(
                f"{artifact.coordinate} has a wrong checksum and was deleted; "
                f"somebody changed it on the way, or {PINS.name} is wrong"
            )
        target = downloads / artifact.path
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)
    progress.add(artifact.size)


def _resolve(coordinate: str, repository: Path) -> Path:
    from jgo.maven import MavenContext  # not at the top: it costs 0.1 s, and only a first start needs it

    context = MavenContext(repo_cache=repository, timeout=TIMEOUT)
    return Path(context.create_dependency(coordinate).artifact.resolve())


class _Progress:
    """Says how far a bundle is, a line a second at most."""

    def __init__(self, bundle: str, missing: list[Artifact]) -> None:
        self._bundle = bundle
        self._files = len(missing)
        self._lock = threading.Lock()
        self._done = self._bytes = 0
        self._said = time.monotonic()
        total = sum(artifact.size for artifact in missing) / 1e6
        say("downloads", f"{bundle}: fetching {self._files} files, {total:.0f} MB, once")

    def add(self, size: int) -> None:
        with self._lock:
            self._done += 1
            self._bytes += size
            if self._done == self._files or time.monotonic() - self._said > 1:
                self._said = time.monotonic()
                say("downloads", f"{self._bundle} {self._done} of {self._files} files, {self._bytes / 1e6:.0f} MB")
