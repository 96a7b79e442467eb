"""The environments that functions run in: a virtual environment for each distinct set of requirements.

An environment is named by the hash of what goes into it, so functions with equal needs share one, a change of a
requirement makes another, and a half-built one (no marker) is never used.
"""

import asyncio
import glob
import hashlib
import itertools
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from samlet.errors import EnvironmentFailed
from samlet.file_lock import locked
from samlet.log import say
from samlet.model import Function
from samlet.processes import Reaper, confined, for_another_python, spawn
from samlet.runtime import entrypoint
from samlet.runtime.artifacts import Target, packed, unfit
from samlet.runtime.interpreters import Interpreter, find, probe
from samlet.runtime.layers import merge, programs_in

# The client of the Runtime API. Its wheels exist for Linux and from Python 3.10 on; elsewhere python_loop.py
# speaks the protocol.
CLIENT = Path(__file__).with_name("awslambdaric.txt")
_CLIENTS_FIRST = (3, 10)
DEBUGGER = Path(__file__).with_name("debugpy.txt")
_MARKER = ".complete"
_WITHOUT_SETUPTOOLS = (3, 12)
_PIPS_MODULES = r"/site-packages/pip/"
# What is compiled lies beside pip's modules already; a folder with sources that pip builds from is to stay as it is.
_READ_ONLY = {"PYTHONDONTWRITEBYTECODE": "1"}


class Environments:
    """Finds or builds the Python that a function runs with; kept in `<state_dir>/environments`."""

    def __init__(
        self, state_dir: Path, *, reaper: Reaper, python_override: Path | None = None, strict: bool = False
    ) -> None:
        self.folder = state_dir / "environments"
        self.layers = state_dir / "layers"
        self._reaper = reaper
        self._override = python_override
        self.strict = strict
        self._building: dict[str, asyncio.Lock] = {}
        self._interpreters: dict[str, Interpreter] = {}

    async def prepare(self, functions: Iterable[Function]) -> None:
        """Build what these functions need, one environment after the other; those that exist cost nothing."""
        searched: dict[tuple[Path, Target], str | None] = {}
        for function in functions:
            if function.runtime.startswith("python"):
                await self.python_for(function)
            if reason := await self._fault(function, searched):
                if self.strict:
                    raise EnvironmentFailed(f"{function.name}: {reason}")
                say(function.name, reason, level="error")

    async def _fault(self, function: Function, searched: dict[tuple[Path, Target], str | None]) -> str | None:
        """Why a function won't run as it is; `searched` holds what is known of folders that others have, too."""
        opt = merge(function.layers, self.layers)
        for program in programs_in(opt):
            if reason := entrypoint.unfit(program):
                return f"the extension {reason}"
        if function.runtime.startswith("provided"):
            return entrypoint.fault(function.code, opt)
        version = (await self._interpreter(function.runtime)).version
        target = Target(version, sys.platform, platform.machine())
        for folder in packed((function.code, *function.layers)):
            if (folder, target) not in searched:
                searched[folder, target] = await asyncio.to_thread(unfit, folder, target)
            if reason := searched[folder, target]:
                return reason
        return None

    async def python_for(self, function: Function) -> Path:
        """The interpreter for one function, its packages installed."""
        interpreter = await self._interpreter(function.runtime)
        if self._override is not None:
            # A person who names a Python vouches for what is installed in it.
            return interpreter.path
        requirements = requirement_files(function)
        target = self.folder / fingerprint(interpreter, requirements)
        async with self._building.setdefault(target.name, asyncio.Lock()):
            if not (target / _MARKER).exists():
                await self._build(target, interpreter, [*_client(interpreter), *requirements], function.name)
        return target / "bin" / "python"

    async def debugger_for(self, function: Function) -> Path:
        """A folder with debugpy for a function's interpreter, away from the packages of any function."""
        interpreter = await self._interpreter(function.runtime)
        target = self.folder / f"debugger-{fingerprint(interpreter, [DEBUGGER])}"
        async with self._building.setdefault(target.name, asyncio.Lock()):
            if not (target / _MARKER).exists():
                await self._build(target, interpreter, [DEBUGGER], f"debugger of {function.name}")
        return next(target.glob("lib/python*/site-packages"))

    def forget_compiled(self, changed: Path) -> None:
        """Remove what Python has compiled of a changed file, or of all files in a changed folder.

        Python compares times of whole seconds, so a file that is saved twice within one would be taken for unchanged.
        """
        stem, places = glob.escape(changed.stem), _names_of(changed.absolute())
        inside = {_beneath(place.parent) for place in places}
        for folder in (*inside, f"{_beneath(self.layers.absolute())}/**"):
            for compiled in self.folder.glob(f"*/pycache/{folder}/{stem}.*.pyc"):
                compiled.unlink(missing_ok=True)
        for compiled in (changed.parent / "__pycache__").glob(f"{stem}.*.pyc"):
            compiled.unlink(missing_ok=True)
        if changed.suffix != ".py":
            for compiled in (found for place in places for found in self.folder.glob(f"*/pycache/{_beneath(place)}")):
                shutil.rmtree(compiled, ignore_errors=True)

    async def _interpreter(self, runtime: str) -> Interpreter:
        if runtime not in self._interpreters:
            self._interpreters[runtime] = await asyncio.to_thread(self._find, runtime)
        return self._interpreters[runtime]

    def _find(self, runtime: str) -> Interpreter:
        if self._override is None:
            return find(runtime, strict=self.strict)
        # Not resolved: the path of a virtual environment's Python is what makes it that environment's.
        found = probe(self._override.absolute())
        if found is None:
            raise EnvironmentFailed(f"--python {self._override} is no Python that runs")
        return Interpreter(self._override.absolute(), found.version)

    async def _build(self, target: Path, interpreter: Interpreter, files: Sequence[Path], name: str) -> None:
        async with locked(target.with_suffix(".lock")):
            if not (target / _MARKER).exists():
                await self._install(target, interpreter, files, name)

    async def _install(self, target: Path, interpreter: Interpreter, files: Sequence[Path], name: str) -> None:
        started = time.monotonic()
        version = ".".join(map(str, interpreter.version))
        say("samlet", f"{name}: installing packages for Python {version} (once; kept in {self.folder})")
        await asyncio.to_thread(shutil.rmtree, target, ignore_errors=True)
        pip = _own_pip(interpreter)
        bare = ["--without-pip"] if pip else []
        await self._run([interpreter.path, "-m", "venv", *bare, target], name)
        for folder in pip:
            await asyncio.to_thread(shutil.copytree, folder, _packages_below(target, interpreter) / folder.name)
        python = target / "bin" / "python"
        options = ["--disable-pip-version-check", "--no-input", "--no-compile", "--quiet"]
        # One call a file, since pip wants hashes for all or for none; later ones win, as a function's code does on AWS.
        for file in files:
            say("samlet", f"{name}: pip install -r {file}")
            await self._run([python, "-m", "pip", "install", *options, "-r", file], name)
        compiling: list[str | Path] = [python, "-m", "compileall", "-q", "-j", "0", "-x", _PIPS_MODULES, target / "lib"]
        await self._run(compiling, name, {"PYTHONPYCACHEPREFIX": str(pycache_of(python))}, check=False)
        (target / _MARKER).touch()
        say("samlet", f"{name}: packages installed in {time.monotonic() - started:.1f} s")

    async def _run(
        self, args: Sequence[str | Path], name: str, more: Mapping[str, str] = _READ_ONLY, *, check: bool = True
    ) -> None:
        process = await spawn(
            args,
            reaper=self._reaper,
            env={**for_another_python(os.environ), **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        async with confined(process):
            output, _ = await process.communicate()
        if check and process.returncode:
            tail = "\n".join(output.decode(errors="replace").strip().splitlines()[-15:])
            raise EnvironmentFailed(f"{name}: {' '.join(map(str, args[:4]))} failed:\n{tail}")


def pycache_of(python: Path) -> Path:
    """Where compiled modules of an environment go, so that starting is quick and no source folder is written to."""
    return python.parent.parent / "pycache"


def requirement_files(function: Function) -> list[Path]:
    """What has to be installed for a function: its layers' requirements, then its code's; none for a built artifact."""
    return [file for folder in (*function.layers, function.code) for file in _requirements_of(folder)]


def _requirements_of(folder: Path) -> Iterator[Path]:
    built = any(pair == (".aws-sam", "build") for pair in itertools.pairwise(folder.resolve().parts))
    if not built and (folder / "requirements.txt").is_file():
        yield folder / "requirements.txt"


def is_built(environment: Path) -> bool:
    """Whether an environment is there whole."""
    return (environment / _MARKER).exists()


def fingerprint(interpreter: Interpreter, files: Sequence[Path]) -> str:
    """The name of an environment: a hash of everything that decides what is in it."""
    digest = hashlib.sha256(f"{interpreter.path} {interpreter.version} {sys.platform}".encode())
    for file in (CLIENT, *files):
        digest.update(b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def _client(interpreter: Interpreter) -> list[Path]:
    return [CLIENT] if sys.platform == "linux" and interpreter.version >= _CLIENTS_FIRST else []


def _beneath(folder: Path) -> str:
    return glob.escape(str(folder.relative_to("/")))


def _names_of(path: Path) -> set[Path]:
    """The names that a module may have been loaded by: `path`, and what each link on its way stands for."""
    return {path, *(step.resolve() / path.relative_to(step) for step in (path, *path.parents) if step.is_symlink())}


def _own_pip(interpreter: Interpreter) -> list[Path]:
    """The folders of an interpreter's own pip; none where it has none, or where it has its packages elsewhere.

    Copied, it is there at once, while venv needs seconds to install the one that is bundled. Up to Python 3.11 venv
    installs setuptools as well, as AWS does, so those get all of that.
    """
    packages = _packages_below(interpreter.path.parent.parent, interpreter)
    described = list(packages.glob("pip-*.dist-info"))
    whole = interpreter.version >= _WITHOUT_SETUPTOOLS and len(described) == 1 and (packages / "pip").is_dir()
    return [packages / "pip", *described] if whole else []


def _packages_below(prefix: Path, interpreter: Interpreter) -> Path:
    return prefix / "lib" / "python{}.{}".format(*interpreter.version) / "site-packages"
