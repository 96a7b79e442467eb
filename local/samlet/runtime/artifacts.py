"""Native modules that somebody has already built into a function or a layer, for a Python that may be another one.

They carry their Python and system in their names, `x.cpython-313-x86_64-linux-gnu.so`. One that does not fit is found
by nobody: the package fails to import, with an error that says nothing of the cause.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_NATIVE = re.compile(r"(?P<module>.+)\.cpython-(?P<major>\d)(?P<minor>\d+)-(?P<system>[\w-]+)\.so")
_SAME = {"arm64": "aarch64", "amd64": "x86_64"}


@dataclass(frozen=True, slots=True)
class Target:
    """What native modules must be built for; `system` is `sys.platform`."""

    version: tuple[int, int]
    system: str
    machine: str

    def fits(self, file: Path) -> bool:
        """Whether a native module is for this Python, on this kind of machine."""
        found = _NATIVE.fullmatch(file.name)
        if found is None:
            return True
        built = found["system"]
        machine = self.machine.lower()
        # On macOS one name serves both kinds of machine.
        here = (
            built == "darwin" if self.system == "darwin" else built.startswith(f"{_SAME.get(machine, machine)}-linux")
        )
        return here and (int(found["major"]), int(found["minor"])) == self.version


def unfit(folder: Path, target: Target) -> str | None:
    """What in a folder was built for something else, and the remedy, in one line."""
    native = [file for file in folder.rglob("*.so") if _NATIVE.fullmatch(file.name)]
    served = {_module(file) for file in native if target.fits(file)}
    wrong = sorted(file for file in native if _module(file) not in served)
    if not wrong:
        return None
    more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    runs = f"{target.version[0]}.{target.version[1]} on {target.machine} {target.system}"
    return (
        f"{wrong[0].relative_to(folder)}{more} in {folder} was built for another Python or machine,"
        f" and functions run on {runs} here: build it anew (sam build), or delete what was built"
    )


def packed(folders: Iterable[Path]) -> Iterator[Path]:
    """Those of a function's folders that carry packages with them."""
    for folder in folders:
        for place in (folder, folder / "python", *(folder / "python/lib").glob("python3.*/site-packages")):
            if next(place.glob("*.dist-info"), None):
                yield place


def _module(file: Path) -> Path:
    found = _NATIVE.fullmatch(file.name)
    return file.with_name(found["module"] if found else file.name)
