"""A small project, and Samlet on it as a process of its own, for tests that need the whole of it."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from servers import CHECKOUT
from survivors import survivors
from waiting import eventually

CODE = """
import os
import time
from pathlib import Path

def http(event, context):
    return {"statusCode": 200, "body": os.environ["GREETING"] + os.environ["SECRET"]}

def tick(event, context):
    if event.get("fail"):
        print("about to fail")
        raise RuntimeError("as was wished")
    return event

def prepare(event, context):
    while not Path(os.environ["GATE"]).exists():
        time.sleep(0.02)
    if Path(os.environ["GATE"]).read_text() == "fail":
        raise RuntimeError("cannot prepare")
"""

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Secret: {Type: String, Default: none}
  Gate: {Type: String}
Globals:
  Function: {Runtime: python3.13, CodeUri: code/, Timeout: 60}
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.http
      Environment: {Variables: {SECRET: !Ref Secret}}
      Events: {Get: {Type: HttpApi, Properties: {Method: GET, Path: /hello}}}
  Prepare:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.prepare
      Environment: {Variables: {GATE: !Ref Gate}}
  Tick:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.tick
      Events:
        Nightly:
          Type: ScheduleV2
          Properties:
            Name: toy-nightly
            ScheduleExpression: cron(0 0 * * ? *)
            Input: '{"slot": "<aws.scheduler.scheduled-time>"}'
        Failing:
          Type: ScheduleV2
          Properties:
            Name: toy-failing
            ScheduleExpression: cron(0 1 * * ? *)
            ScheduleExpressionTimezone: Europe/Berlin
            Input: '{"fail": true}'
"""

PROJECT = """
on_start = ["Prepare"]
[web]
root = "page"
config = {{ api = "{{api.url}}" }}
[secrets]
names = ["one"]
[parameters]
Secret = "{{secrets.one}}"
Gate = "{gate}"
[environment]
GREETING = "hello "
[services]
{services}
"""

PARTS = ("API", "LAMBDA", "WEB", "CONSOLE", "SMTP", "POSTGRES", "KAFKA", "AWS")
SERVICES = 'postgres = { database = "toy" }\nkafka = {}\nmail = {}'


@dataclass
class Toy:
    """The project in `folder`; its `Prepare` waits until the file `gate` is there, and fails if that says so."""

    folder: Path
    services: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        (self.folder / "code").mkdir(parents=True)
        (self.folder / "page").mkdir()
        (self.folder / "page" / "index.html").write_text("<!doctype html><title>toy</title>")
        (self.folder / "code" / "app.py").write_text(CODE)
        (self.folder / "template.yaml").write_text(textwrap.dedent(TEMPLATE))
        (self.folder / "samlet.toml").write_text(PROJECT.format(gate=self.gate, services=self.services))
        self.processes: list[subprocess.Popen[bytes]] = []

    @property
    def gate(self) -> Path:
        return self.folder / "gate"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        return self.processes[-1]

    @property
    def addresses(self) -> dict[str, Any]:
        """What running.json tells of the last process; empty until it is there."""
        path = self.folder / ".samlet" / "running.json"
        told: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return told if told.get("pid") == self.process.pid and "console" in told else {}

    def variables(self) -> dict[str, str]:
        ports = {f"SAMLET_{part}_PORT": "0" for part in PARTS}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SAMLET_")}
        return {**kept, **ports, "SAMLET_CACHE_DIR": str(CHECKOUT / ".samlet"), **self.environment}

    def launch(self) -> None:
        """Start Samlet; --python saves building an environment, since the functions need no packages."""
        with (self.folder / "log").open("ab") as log:
            command = ["start", "--template", "template.yaml", "--python", sys.executable, *self.arguments]
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "samlet", *command],
                    cwd=self.folder, env=self.variables(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    start_new_session=True,
                )
            )  # fmt: skip

    def start(self) -> None:
        """Start Samlet and wait until everything is ready."""
        self.gate.touch()
        self.launch()
        eventually(lambda: self.health().get("ready"), timeout=120)

    def health(self) -> dict[str, Any]:
        """What /healthz says, with its status; empty while nobody answers."""
        assert self.process.poll() is None, self.log
        if not self.addresses:
            return {}
        answer = httpx.get(f"{self.addresses['console']}/healthz")
        return {**answer.json(), "status": answer.status_code}

    def command(self, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "samlet", *arguments],
            cwd=self.folder, env=self.variables(), input=stdin, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def family(self) -> list[psutil.Process]:
        """Samlet and every process below it."""
        samlet = psutil.Process(self.process.pid)
        return [samlet, *samlet.children(recursive=True)]

    def end(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(20)


def gone(processes: list[psutil.Process]) -> bool:
    """Whether none of them runs any more."""
    return not survivors(processes)
