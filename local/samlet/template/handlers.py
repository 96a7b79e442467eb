"""Whether a function's handler is where its template says, told without importing anything.

Only what is certain is said: a module may also come with a package that is installed, out of a layer that is not here,
or over a path that the function's own variables name.
"""

import ast
import difflib
import glob
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

# Who uses one of these may give a module any name.
_DYNAMIC = frozenset(
    {"__dict__", "__getattr__", "__import__", "eval", "exec", "globals", "locals", "modules", "setattr", "vars"}
)
_ELSEWHERE = ("PYTHONPATH", "PYTHONHOME", "AWS_LAMBDA_EXEC_WRAPPER")  # variables that lead to other modules
_CLOSE = 0.8


def fault(
    handler: str, code: Path, layers: Sequence[Path], variables: Collection[str], *, installs: bool
) -> str | None:
    """What is certainly wrong with a handler of Python, or None; `installs` says that packages are installed for it."""
    written, _, name = handler.rpartition(".")
    module = written.replace(".", "/")
    first = module.partition("/")[0]
    unsure = not first or first in sys.stdlib_module_names or any(known in variables for known in _ELSEWHERE)
    if unsure or not all((layer / "python").is_dir() for layer in layers):
        return None
    file = code / f"{module}.py"
    if found := [each for place in (code, *_python_of(layers)) for each in _forms(place, module)]:
        return f"{code.name}/{module}.py has no {name}" if found == [file] and _lacks(file, name) else None
    beside = _modules(code, module)
    close = difflib.get_close_matches(Path(module).name, beside, 1, _CLOSE)
    # An empty folder is one that something has still to fill.
    if not (close or (not installs and (beside or _any_module(code)))):
        return None
    hint = f"; is {Path(module).with_name(close[0])}.py meant?" if close else ""
    missing = f"neither {code.name}/ nor a layer has" if layers else f"{code.name}/ has no"
    return f"{missing} {module}.py{hint}"


def has_module(folder: Path, module: str) -> bool:
    """Whether there is a module, compiled ones and packages without `__init__.py` too."""
    return bool(_forms(folder, module))


def installs(folders: Iterable[Path]) -> bool:
    """Whether one of the folders asks for packages."""
    return any((folder / "requirements.txt").exists() for folder in folders)


def _forms(folder: Path, module: str) -> list[Path]:
    """The files and folders that a module may be loaded from."""
    place = folder / module
    return [*([place] if place.is_dir() else []), *place.parent.glob(f"{glob.escape(place.name)}.*")]


def _python_of(layers: Iterable[Path]) -> Iterator[Path]:
    for layer in layers:
        yield layer / "python"
        yield from (layer / "python" / "lib").glob("python3.*/site-packages")


def _modules(code: Path, module: str) -> list[str]:
    """The modules in the folder that `module` should be in."""
    return [file.stem for file in (code / module).parent.glob("*.py") if file.stem.isidentifier()]


def _any_module(code: Path) -> bool:
    return any(True for pattern in ("*.py", "*/*.py") for _ in code.glob(pattern))


def _lacks(file: Path, name: str) -> bool:
    """Whether a module certainly gives nothing this name, at any depth of it."""
    try:
        known = _names(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return False  # its first event tells that better
    return name not in known and "*" not in known and _DYNAMIC.isdisjoint(known)


@lru_cache(maxsize=64)  # many functions have one module
def _names(source: bytes) -> frozenset[str]:
    return frozenset(word for node in ast.walk(ast.parse(source)) for word in _words(node))


def _words(node: ast.AST) -> Iterator[str]:
    """The names that a piece of a module binds or uses."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Name(id=name) | ast.Attribute(attr=name):
            yield name
        case ast.alias(name=name, asname=given):
            yield from (given or name).split(".")
        case ast.Global(names=names):
            yield from names
        case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
            yield name
        case ast.ExceptHandler(name=str(name)):
            yield name
        case _:
            pass
