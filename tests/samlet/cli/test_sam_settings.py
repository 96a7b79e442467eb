"""What `samlet start` and `samlet invoke` take from sam's own configuration."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from samlet.cli import sam_settings
from samlet.settings import read
from samlet.template import SamConfig
from servers import CHECKOUT
from toy import PARTS
from waiting import eventually

from .test_overrides import folder, told

__all__ = ["folder"]  # a fixture


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


def test_sams_ports_count_where_the_environment_says_none() -> None:
    sam = SamConfig(ports={"api": 8000, "lambda": 8001})
    environ = {"SAMLET_API_PORT": "0", "SAMLET_LAMBDA_PORT": " "}
    ports = sam_settings.with_ports(read(environ), sam, environ).ports
    assert (ports["api"], ports["lambda"], ports["console"]) == (0, 8001, 9000)


def test_what_counts_for_sam_alone_is_said_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    sam_settings.say_left_out(SamConfig())
    sam_settings.say_left_out(SamConfig(left_out=("host (SAMLET_HOST)", "profile (--profile)")))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("samconfig counts for sam alone in these: host (SAMLET_HOST); profile (--profile)")


def test_an_invocation_has_the_variables_of_sams_file_unless_an_option_names_another(folder: Path) -> None:
    (folder / "samconfig.toml").write_text("[default.local_start_api.parameters]\nenv_vars = 'sam.json'\n")
    for name in ("sam", "mine"):
        (folder / f"{name}.json").write_text(json.dumps({"Env": {"DECLARED": name}}))
    assert told(folder, asked=("DECLARED",)) == {"DECLARED": "sam"}
    assert told(folder, "--env-vars", "mine.json", asked=("DECLARED",)) == {"DECLARED": "mine"}


def test_a_start_is_at_sams_port_with_sams_variables_and_says_what_is_left_out(folder: Path) -> None:
    port = free_port()
    (folder / "samconfig.toml").write_text(
        "[default.local_start_api.parameters]\nenv_vars = 'sam.json'\nhost = '0.0.0.0'\n"
        f"[default.local_start_lambda.parameters]\nport = {port}\n"
    )
    (folder / "sam.json").write_text(json.dumps({"Env": {"DECLARED": "sam"}}))
    (folder / "samlet.toml").write_text("on_start = ['Env']\n")
    (folder / "app.py").write_text("import os\ndef handler(event, context):\n    print(os.environ['DECLARED'])\n")
    ports = {f"SAMLET_{part}_PORT": "0" for part in PARTS if part != "LAMBDA"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SAMLET_", "AWS_"))}
    log, running = folder / "said", folder / ".samlet" / "running.json"
    with log.open("wb") as said:
        samlet = subprocess.Popen(
            [sys.executable, "-m", "samlet", "start", "--python", sys.executable],
            cwd=folder, env={**kept, **ports, "SAMLET_CACHE_DIR": str(CHECKOUT / ".samlet")}, stderr=said,
        )  # fmt: skip
        try:
            eventually(lambda: running.exists() and f":{port}" in running.read_text(), timeout=60)
            eventually(lambda: "sam\n" in log.read_text(), timeout=60)
        finally:
            samlet.send_signal(signal.SIGINT)
            samlet.wait(20)
    assert "samconfig counts for sam alone in these: host (SAMLET_HOST" in log.read_text()
