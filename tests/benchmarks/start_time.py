"""How long Samlet takes from the command to being ready, on a template of many functions: the first time, and again.

`python -m benchmarks.start_time [FUNCTIONS [PYTHON]]` prints both. Functions run in the Python that runs this, so no
packages are installed; what is measured is the process, its imports, the template and the ports.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

_WITHIN = 60.0  # seconds
_PORTS = ("API", "LAMBDA", "CONSOLE", "AWS")


@dataclass(frozen=True, slots=True)
class StartTimes:
    """Seconds until the console says ready: with nothing kept, and with an unchanged template."""

    functions: int
    cold: float
    warm: float


def seconds_to_ready(functions: int = 50, *, repetitions: int = 3, python: Path = Path(sys.executable)) -> StartTimes:
    """Start Samlet on a template of so many functions with routes and schedules; the median of the warm starts.

    `python` is one that has Samlet. With nothing else installed it is what users have: the Kafka client imports
    botocore where it finds one, as in an environment with test tools.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _write(folder, functions)
        cold = _start(folder, python)
        warm = sorted(_start(folder, python) for _ in range(repetitions))[repetitions // 2]
    return StartTimes(functions, round(cold, 3), round(warm, 3))


def _write(folder: Path, functions: int) -> None:
    (folder / "code").mkdir()
    (folder / "code" / "app.py").write_text("def handler(event, context):\n    return event\n")
    lines = [
        "Transform: AWS::Serverless-2016-10-31",
        "Globals: {Function: {Runtime: python3.13, Handler: app.handler, CodeUri: code, Timeout: 10}}",
        "Resources:",
    ]
    for number in range(functions):
        lines += [
            f"  Function{number}:",
            "    Type: AWS::Serverless::Function",
            "    Properties:",
            f"      FunctionName: !Sub '${{AWS::StackName}}-function-{number}'",
            f"      Environment: {{Variables: {{NUMBER: '{number}'}}}}",
            "      Events:",
            f"        Get: {{Type: HttpApi, Properties: {{Method: GET, Path: /items/{number}}}}}",
            f"        Nightly: {{Type: ScheduleV2, Properties: {{ScheduleExpression: cron(0 {number % 24} * * ? *)}}}}",
        ]
    (folder / "template.yaml").write_text("\n".join(lines) + "\n")


def _start(folder: Path, python: Path) -> float:
    began = time.monotonic()
    with _samlet(folder, python):
        while not _ready(folder):
            if time.monotonic() - began > _WITHIN:
                raise TimeoutError((folder / "log").read_text()[-2_000:])
            time.sleep(0.005)
        return time.monotonic() - began


@contextmanager
def _samlet(folder: Path, python: Path) -> Iterator[None]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SAMLET_", "AWS_"))}
    ports = {f"SAMLET_{port}_PORT": "0" for port in _PORTS}
    command: list[str | Path] = [python, "-m", "samlet", "start", "--template", "template.yaml", "--python", python]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder, env=kept | ports, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def _ready(folder: Path) -> bool:
    try:
        console = json.loads((folder / ".samlet" / "running.json").read_text())["console"]
        with urlopen(f"{console}/healthz", timeout=1) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError, KeyError, URLError):
        return False


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    chosen = Path(sys.argv[2] if len(sys.argv) > 2 else sys.executable)
    print(json.dumps(asdict(seconds_to_ready(number, python=chosen))))
