"""Where a function's or a layer's code lies: a folder, an archive that is unpacked, or text in the template itself."""

import hashlib
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from samlet.errors import MissingPath
from samlet.template.local_paths import swap_back
from samlet.template.properties import Properties
from samlet.template.stack import Stack

# On AWS this module is there for inline code alone, and only where that has exactly these words.
_NEEDS_RESPONSE = "import cfnresponse"
_RESPONSE = Path(__file__).with_name("cfnresponse.py")
_ARCHIVES = (".zip", ".jar")
_IN_S3 = "lies in S3; download it, and name the archive or a folder here"


def impossible(location: Any, name: str) -> str | None:
    """Why code at this `Code` or `Content` cannot be run, or None."""
    if isinstance(location, dict) and "ZipFile" in location:
        return None
    path = swap_back(location)
    if path is None:
        return f"{name}: {_IN_S3}"
    return f"{name}: {path} is an archive of Java" if path.endswith(".jar") else None


def folder(stack: Stack, properties: Properties, name: str) -> Path:
    """The folder of code that is possible; archives and inline code are put into one first, once for each content."""
    location = properties.raw(name)
    if isinstance(location, dict) and "ZipFile" in location:
        return _inline(stack, properties.inner(name).text("ZipFile"))
    path = as_written(stack.path.parent / str(swap_back(location)))
    if path.suffix in _ARCHIVES and path.is_file():
        return _unpacked(stack, properties, name, path)
    if not path.is_dir():
        raise MissingPath(f"{properties.place}.{name}: no folder {path}", path)
    return path


def as_written(path: Path) -> Path:
    """An absolute path without `..`, its symbolic links kept: one that leads elsewhere later takes the code along.

    Of a link that `..` goes back over, the place where it leads now counts.
    """
    at = Path(path.anchor)
    for part in path.parts[1:]:
        at = (at.resolve() if at.is_symlink() else at).parent if part == ".." else at / part
    return at


def _inline(stack: Stack, text: str) -> Path:
    response = _RESPONSE.read_bytes() if _NEEDS_RESPONSE in text else b""
    digest = hashlib.sha256(text.encode() + response).hexdigest()[:16]

    def fill(place: Path) -> None:
        (place / "index.py").write_text(text, encoding="utf-8")
        if response:
            (place / _RESPONSE.name).write_bytes(response)

    return _once(stack.unpacked / f"inline-{digest}", fill)


def _unpacked(stack: Stack, properties: Properties, name: str, archive: Path) -> Path:
    with archive.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()[:16]

    def fill(place: Path) -> None:
        with zipfile.ZipFile(archive) as opened:
            for member in opened.infolist():
                written = Path(opened.extract(member, place))
                if mode := (member.external_attr >> 16) & 0o777:
                    written.chmod(mode | 0o600 if written.is_file() else mode | 0o700)

    try:
        return _once(stack.unpacked / f"{archive.stem}-{digest}", fill)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise properties.error(name, f"{archive} cannot be unpacked: {error}") from error


def _once(target: Path, fill: Callable[[Path], None]) -> Path:
    """The folder, filled beside its place first, so that a half-filled one is never used."""
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=target.parent))
        try:
            fill(draft)
            draft.chmod(0o755)
            draft.rename(target)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            if not target.is_dir():  # else somebody else was quicker
                raise
    return target
