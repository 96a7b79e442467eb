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
    r"|.*\.log|nohup\.out"  # ours among them: were it code, each line about a change would be the next change
)

_MARKS = (("pyvenv.cfg",), ("lock", "samlet.log"))  # of a virtual environment; of a state folder, see `State`


def is_code(path: Path, root: Path) -> bool:
    """Whether a path within `root` counts; the names above `root` don't matter, nor does whether it exists."""
    parts = path.relative_to(root).parts
    if not parts:
        return True
    return not _FOLDERS.intersection(parts) and not _LEFTOVERS.fullmatch(parts[-1])


def is_walked(folder: Path, root: Path) -> bool:
    """Whether a folder within `root` is watched; virtual environments and state folders of any name are not."""
    return is_code(folder, root) and (folder == root or not any(_has(folder, marks) for marks in _MARKS))


def _has(folder: Path, marks: tuple[str, ...]) -> bool:
    return all((folder / mark).is_file() for mark in marks)
