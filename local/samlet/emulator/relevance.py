"""Which files count as a function's code: everything in its folder but what tools leave there."""

import re
from pathlib import Path

_FOLDERS = frozenset({
    ".git", ".hg", ".svn", "__pycache__", "node_modules", ".venv", ".tox", ".nox", ".mypy_cache", ".pytest_cache",
    ".ruff_cache", ".idea", ".vscode", ".aws-sam", ".samlet",
})  # fmt: skip
_LEFTOVERS = re.compile(
    r".*\.py[co](\.\d+)?"  # compiled, also while it is being written
    r"|4913|.*~|\..*\.sw[a-z]"  # vim
    r"|\.?#.*"  # Emacs
    r"|.*___jb_(tmp|old|bak)___"  # PyCharm
    r"|\.goutputstream-.*|.*\.kate-swp|\.DS_Store"
)


def is_code(path: Path, root: Path) -> bool:
    """Whether a path within `root` counts; the names above `root` don't matter, nor does whether it exists."""
    parts = path.relative_to(root).parts
    if not parts:
        return True
    return not _FOLDERS.intersection(parts) and not _LEFTOVERS.fullmatch(parts[-1])


def is_walked(folder: Path, root: Path) -> bool:
    """Whether a folder within `root` is watched; a virtual environment of any name is not."""
    return is_code(folder, root) and (folder == root or not (folder / "pyvenv.cfg").is_file())
