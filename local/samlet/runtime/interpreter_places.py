"""Where on a machine a Python may be: PATH, version managers, and where systems and installers put theirs."""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

_SYSTEM = ("/opt/homebrew/bin", "/usr/local/bin", "/usr/bin")
_HOMEBREW = ("/opt/homebrew", "/usr/local", "/home/linuxbrew/.linuxbrew")
_FRAMEWORK = Path("/Library/Frameworks/Python.framework/Versions")  # the installer from python.org


def places(version: str) -> Iterator[Path]:
    """Where a Python of a version, or of any when it is `3`, might be; the most deliberate places first."""
    if version in ("3", f"{sys.version_info[0]}.{sys.version_info[1]}"):
        yield Path(getattr(sys, "_base_executable", sys.executable))
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield Path(on_path)
    yield from _managed(version, on_path)
    for prefix in _HOMEBREW:
        yield from _newest(Path(prefix) / "opt", f"python@{_any(version)}/bin/python3*[0-9]")
    yield from _newest(_FRAMEWORK, f"{_any(version)}/bin/python3*[0-9]")
    for system in _SYSTEM:
        if (candidate := Path(system) / f"python{version}").exists():
            yield candidate


def _managed(version: str, on_path: str | None) -> Iterator[Path]:
    """What pyenv, uv, asdf and mise have installed."""
    home, share = Path.home(), Path.home() / ".local/share"
    pyenv = [_folder("PYENV_ROOT", home / ".pyenv") / "versions"]
    asdf = [_folder("ASDF_DATA_DIR", home / ".asdf") / "installs/python"]
    if on_path:
        # HOME may be another's (sudo, CI); a shim still tells where its manager is.
        shims = [folder.parent for folder in Path(on_path).parents if folder.name == "shims"]
        pyenv += [folder / "versions" for folder in shims]
        asdf += [folder / "installs/python" for folder in shims]
    mise = _folder("MISE_DATA_DIR", share / "mise") / "installs/python"
    for folder in (*pyenv, *asdf, mise):
        yield from _newest(folder, f"{version}.*/bin/python")
    yield from _newest(_folder("UV_PYTHON_INSTALL_DIR", share / "uv/python"), f"cpython-{version}.*/bin/python3")


def _folder(variable: str, default: Path) -> Path:
    return Path(os.environ.get(variable) or default)


def _any(version: str) -> str:
    return "3.*" if version == "3" else version


def _newest(folder: Path, pattern: str) -> list[Path]:
    """What fits in a folder, 3.11.10 before 3.11.9."""
    return sorted(folder.glob(pattern), key=_numbers, reverse=True)


def _numbers(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(path))]
