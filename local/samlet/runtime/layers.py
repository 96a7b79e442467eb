"""Layers laid over each other in the template's order, as Lambda unpacks them into /opt: what comes later wins.

Nothing is copied. A folder that only one layer has is a link to it; folders that several have are made anew, with
links inside. The result is named by what is in it: it is never changed, and compiled modules stay valid for it.
"""

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path


def merge(layers: Sequence[Path], folder: Path) -> Path | None:
    """The root that stands for /opt, made in `folder` where there are several layers; None without layers.

    Links that lead to a layer are followed here, so that another one behind them has another root.
    """
    if len(layers) < 2:
        return layers[0].resolve() if layers else None
    links = list(_links([layer.resolve() for layer in layers], Path()))
    root = folder / hashlib.sha256(repr(links).encode()).hexdigest()[:16]
    if not root.is_dir():
        _make(root, links)
    return root


def programs_in(opt: Path | None) -> list[Path]:
    """The external extensions: every file in `extensions/`, executable or not, as Lambda takes them."""
    folder = opt / "extensions" if opt else None
    if folder is None or not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if not path.is_dir())


def _links(sources: Sequence[Path], inside: Path) -> Iterator[tuple[Path, Path]]:
    """What has to be linked, as the place inside the root and the original."""
    found: dict[str, list[Path]] = {}
    for source in sources:
        for entry in source.iterdir():
            found.setdefault(entry.name, []).append(entry)
    for name, originals in sorted(found.items()):
        folders = [original for original in originals if original.is_dir()]
        if originals[-1].is_dir() and len(folders) > 1:
            yield from _links(folders, inside / name)
        else:
            yield inside / name, originals[-1]


def _make(root: Path, links: Sequence[tuple[Path, Path]]) -> None:
    root.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=root.parent))
    unfinished.chmod(0o755)
    for place, original in links:
        (unfinished / place).parent.mkdir(parents=True, exist_ok=True)
        (unfinished / place).symlink_to(original.absolute())
    with contextlib.suppress(OSError):  # somebody else was quicker
        unfinished.rename(root)
    shutil.rmtree(unfinished, ignore_errors=True)
