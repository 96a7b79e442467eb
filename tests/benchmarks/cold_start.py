"""How long a sandbox takes to come up, against the bare import of its handler by the same Python.

`measure()` needs no running system; `PYTHONPATH=local:tests python -m benchmarks.cold_start` prints it. Both are
measured by turns, and the quickest of each counts: what else the machine does only ever adds.
"""

import asyncio
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Figure
from samlet.model import Function
from samlet.processes import Reaper
from samlet.runtime import Environments
from samlet.runtime.sandbox import Sandbox
from samlet.runtime.sandbox_settings import SandboxSettings
from samlet.runtime.variables import sandbox_variables
from servers import CHECKOUT

ALLOWED = 1.25
HANDLERS: Mapping[str, str] = {
    "nothing": "",
    "standard library": "import asyncio, decimal, email.message, http.server, logging.config, sqlite3, urllib.request",
    "FastAPI": """
        from fastapi import FastAPI
        from mangum import Mangum
        app = Mangum(FastAPI())
    """,
}


@dataclass(frozen=True)
class ColdStart:
    """One handler's quickest, in seconds."""

    imports: str
    bare: float
    sandbox: float

    @property
    def ratio(self) -> float:
        """How many bare imports a cold start takes."""
        return self.sandbox / self.bare

    def figure(self) -> Figure:
        """A line of the report."""
        value = f"{self.sandbox * 1000:.0f} ms, {self.ratio:.2f} of the bare import ({self.bare * 1000:.0f} ms)"
        how = "until the process asks for its first event, against `python -c 'import …'`; the quickest of each"
        return Figure(f"cold start, a handler that imports {self.imports}", value, how)


def measure(cache: Path = CHECKOUT / ".samlet" / "test-environments", rounds: int = 15) -> list[ColdStart]:
    """Measure every handler `rounds` times each way."""
    return asyncio.run(_measure(cache, rounds))


async def _measure(cache: Path, rounds: int) -> list[ColdStart]:
    found = []
    with Reaper() as reaper, tempfile.TemporaryDirectory() as folder:
        environments = Environments(cache, reaper=reaper)
        for name, source in HANDLERS.items():
            function = _function(Path(folder) / name.replace(" ", "-"), source)
            python = await environments.python_for(function)
            settings = SandboxSettings(reaper, init_limit=60.0)
            bare, sandbox = [], []
            for turn in range(rounds + 1):
                times = _bare(function, python), await _sandbox(function, python, settings)
                if turn:  # the first one compiles
                    bare.append(times[0])
                    sandbox.append(times[1])
            found.append(ColdStart(name, min(bare), min(sandbox)))
    return found


def _function(code: Path, source: str) -> Function:
    code.mkdir()
    (code / "app.py").write_text(textwrap.dedent(source) + "\ndef handler(event, context):\n    return event\n")
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    layers = (CHECKOUT / "layers" / "common",)
    return Function("Cold", "cold", version, "app.handler", code, layers, memory=1024, timeout=60)


def _bare(function: Function, python: Path) -> float:
    variables = sandbox_variables(
        function,
        api="127.0.0.1:1",
        region="eu-central-1",
        log_stream="none",
        temporary=function.code,
        extra={},
        python=python,
        bootstrap=python,
        opt=function.layers[0],
    )
    variables["PYTHONPATH"] = str(function.layers[0] / "python")
    program = [str(python), "-c", "import app, os; os.write(1, b'.'); os._exit(0)"]
    began = time.perf_counter()
    with subprocess.Popen(program, env=variables, cwd=function.code, stdout=subprocess.PIPE) as process:
        assert process.stdout
        imported = process.stdout.read(1)
        took = time.perf_counter() - began
    assert imported == b"."
    return took


async def _sandbox(function: Function, python: Path, settings: SandboxSettings) -> float:
    sandbox = Sandbox(function, settings)
    began = time.perf_counter()
    came_up = await sandbox.warm(python)
    took = time.perf_counter() - began
    await sandbox.stop()
    assert came_up
    return took


def main() -> None:
    """Measure and print; the status is 1 where a cold start takes more than is allowed.

    Lambda's runtime client itself takes some 25 ms, which is more than a handler that imports nothing: that one is only
    shown.
    """
    found = measure()
    for each in found:
        figure = each.figure()
        print(f"{figure.what}: {figure.value}")
    sys.exit(0 if all(each.ratio <= ALLOWED for each in found[1:]) else 1)


if __name__ == "__main__":
    main()
