"""The gateway and one sandbox beside uvicorn and the peers, all running at once and asked in turn, in one run."""

import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.load import Load, load, middle
from benchmarks.peers import servers
from benchmarks.peers.installed import Missing
from benchmarks.stranger import Stranger, project

ROUNDS = 3
SECONDS = 2
EVENT = {
    "version": "2.0",
    "routeKey": "GET /plain",
    "rawPath": "/plain",
    "headers": {"host": "localhost", "accept": "*/*"},
    "requestContext": {
        "http": {"method": "GET", "path": "/plain", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": ""},
        "requestId": "r", "routeKey": "GET /plain", "stage": "$default", "timeEpoch": 1,
    },
    "isBase64Encoded": False,
}  # fmt: skip


@dataclass(frozen=True)
class Subject:
    """Somebody who answers; `clients` are the numbers of connections that it is asked by."""

    name: str
    url: str
    clients: tuple[int, ...] = (1, 8)
    headers: tuple[tuple[str, str], ...] = ()
    script: str = ""


def compare(subjects: list[Subject]) -> dict[str, dict[str, Load]]:
    """The middle of several short runs for each subject and number of clients; each round asks everybody once."""
    runs: dict[tuple[str, int], list[Load]] = defaultdict(list)
    for clients in sorted({number for subject in subjects for number in subject.clients}):
        asked = [subject for subject in subjects if clients in subject.clients]
        for subject in asked:  # warm
            load(subject.url, clients, 1, dict(subject.headers), subject.script)
        for _ in range(ROUNDS):
            for subject in asked:
                run = load(subject.url, clients, SECONDS, dict(subject.headers), subject.script)
                runs[subject.name, clients].append(run)
    results: dict[str, dict[str, Load]] = defaultdict(dict)
    for (name, clients), loads in runs.items():
        results[name][str(clients)] = middle(loads)
    return dict(results)


def measure(absent: dict[str, str]) -> dict[str, Any]:
    """Rates and latencies by subject and number of clients; who cannot be measured is put into `absent`, with why."""
    with tempfile.TemporaryDirectory() as made, ExitStack() as stack:
        folder = project(Path(made) / "project")
        ours = stack.enter_context(Stranger(folder, environment={"SAMLET_MAX_SANDBOXES": "1"}).running())
        for path in ("/plain", "/app"):
            httpx.get(f"{ours.api}{path}", timeout=30).raise_for_status()
        subjects = [Subject("samlet, plain", f"{ours.api}/plain"), Subject("samlet, FastAPI", f"{ours.api}/app")]
        sandbox = ours.sandbox("App")
        python = Path(sandbox.cmdline()[0])

        def add(name: str, start: Callable[[], Subject]) -> None:
            try:
                subjects.append(start())
            except (Missing, AssertionError) as reason:
                absent[name] = str(reason)
                print(f"{name} is not measured: {reason}", file=sys.stderr)

        name = "uvicorn, FastAPI"
        address = stack.enter_context(servers.uvicorn(python, "app:app", sandbox.environ()))
        subjects.append(Subject(name, f"{address}/app"))
        log = folder.with_name("peers.log")
        add("serverless-offline, plain", lambda: _serverless(stack, log))
        add("AWS's emulator, plain", lambda: _emulator(stack, python, folder))
        add("sam local start-api, plain", lambda: _sam(stack, log))
        return {who: {clients: asdict(it) for clients, it in runs.items()} for who, runs in compare(subjects).items()}


def _serverless(stack: ExitStack, log: Path) -> Subject:
    address = stack.enter_context(servers.serverless_offline(log))
    httpx.get(f"{address}/plain", timeout=30).raise_for_status()
    return Subject("serverless-offline, plain", f"{address}/plain")


def _emulator(stack: ExitStack, python: Path, folder: Path) -> Subject:
    """A second client at a time ends it, so it is asked by one."""
    address = stack.enter_context(servers.emulator(python, folder.with_name("peers.log")))
    httpx.post(address, json=EVENT, timeout=30).raise_for_status()
    script = folder / "post.lua"
    script.write_text(f"wrk.method = 'POST'\nwrk.body = [[{json.dumps(EVENT)}]]\n")
    return Subject("AWS's emulator, plain", address, clients=(1,), script=str(script))


def _sam(stack: ExitStack, log: Path) -> Subject:
    address = stack.enter_context(servers.sam_start_api(log))
    httpx.get(f"{address}/plain", timeout=60).raise_for_status()
    return Subject("sam local start-api, plain", f"{address}/plain")
