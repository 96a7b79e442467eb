"""Starts a peer on a free port, and ends it together with everything that it has started."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from benchmarks.peers import installed
from benchmarks.peers.installed import PROJECT, Missing
from waiting import eventually

_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": "eu-central-1"}


@contextmanager
def uvicorn(python: Path, app: str, environment: Mapping[str, str]) -> Iterator[str]:
    """The same application with the same packages, served without Lambda by one worker; gives its address."""
    port = free_port()
    layers = [f"{environment['LAMBDA_OPT_ROOT']}/python"] if "LAMBDA_OPT_ROOT" in environment else []
    path = os.pathsep.join([environment["LAMBDA_TASK_ROOT"], *layers, str(installed.uvicorn())])
    options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    command = [str(python), "-m", "uvicorn", app, "--port", str(port), *options]
    # By this one Samlet would know it for a daemon of the sandbox, and end it with that.
    without_lambda = {name: value for name, value in environment.items() if name != "AWS_LAMBDA_RUNTIME_API"}
    with _running(command, port, {**without_lambda, "PYTHONPATH": path}):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def serverless_offline(log: Path) -> Iterator[str]:
    """The plain handler; Python is the one on the path, which is ours."""
    folder = installed.serverless()
    port, other = free_port(), free_port()
    environment = {
        **os.environ,
        **_CREDENTIALS,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PEER_PORT": str(port),
        "PEER_LAMBDA_PORT": str(other),
        "SLS_TELEMETRY_DISABLED": "1",
        "SLS_NOTIFICATIONS_MODE": "off",
    }
    with _running([str(folder / "node_modules/.bin/serverless"), "offline"], port, environment, folder, log):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def sam_start_api(log: Path) -> Iterator[str]:
    """Containers that are warm before the first request; interrupted, it removes them."""
    port = free_port()
    options = ["--warm-containers", "EAGER", "--skip-pull-image", "--port", str(port), "--template"]
    command = [str(installed.sam_in_docker()), "local", "start-api", *options, str(PROJECT / "template.yaml")]
    with _running(command, port, {**os.environ, **_CREDENTIALS, "SAM_CLI_TELEMETRY": "0"}, PROJECT, log, signal.SIGINT):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def emulator(python: Path, log: Path) -> Iterator[str]:
    """AWS's emulator with its Python client, no container; it serves one client only, and dies of a second one."""
    port, api = free_port(), free_port()
    addresses = [
        "--runtime-interface-emulator-address",
        f"127.0.0.1:{port}",
        "--runtime-api-address",
        f"127.0.0.1:{api}",
    ]
    client = [str(python), "-m", "awslambdaric", "plain.handler"]
    command = [str(installed.emulator()), "--log-level", "error", *addresses, *client]
    with _running(command, port, {**os.environ, "PYTHONPATH": str(PROJECT)}, PROJECT, log):
        yield f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"


@contextmanager
def _running(
    command: Sequence[str],
    port: int,
    environment: Mapping[str, str],
    folder: Path = PROJECT,
    log: Path | None = None,
    ended_by: signal.Signals = signal.SIGTERM,
) -> Iterator[None]:
    with (log or Path(os.devnull)).open("ab") as output:
        process = subprocess.Popen(
            command, env=dict(environment), cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
    try:
        eventually(lambda: process.poll() is not None or _listening(port), timeout=60)
        if process.poll() is not None:
            raise Missing(f"it ended with {process.returncode} when it was started")
        yield
    finally:
        end(process.pid, ended_by)
        process.wait()


def end(pid: int, by: signal.Signals = signal.SIGTERM) -> None:
    """End a process in its own way, by a signal, then whatever of it is left, in whatever session that is."""
    parent = psutil.Process(pid)
    family = [parent, *parent.children(recursive=True)]
    parent.send_signal(by)
    psutil.wait_procs([parent], timeout=8)
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def free_port() -> int:
    """A port that nobody has just now."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        port: int = made.getsockname()[1]
        return port


def _listening(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0
