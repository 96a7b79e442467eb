"""A whole Samlet whose functions run in agents: what it does without, and what it refuses to start with."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from agents import TOKEN, Agents
from samlet.emulator.listeners import bind
from samlet.model import Function
from samlet.services.ports import free_port
from samlet.settings import Settings
from toy import Toy
from waiting import eventually

CODE = """
import os

def http(event, context):
    names = ("GREETING", "SECRET", "AWS_ENDPOINT_URL")
    return {"statusCode": 200, "body": " ".join(os.environ[name] for name in names)}
"""


@pytest.fixture
def contained(toy: Toy, tmp_path: Path) -> Toy:
    """The project as a container has it: secrets, token and addresses are given."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "one").write_text("from-a-file\n")
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "image").mkdir()
    (tmp_path / "image" / "app.py").write_text(CODE)
    toy.environment |= {
        "SAMLET_AGENT_PORT": str(free_port()),
        "SAMLET_AGENT_TOKEN_FILE": str(tmp_path / "token"),
        "SAMLET_SECRETS_DIR": str(tmp_path / "secrets"),
        "SAMLET_CACHE_DIR": str(tmp_path / "cache"),
        "SAMLET_API_URL": "http://api.example.org:3000",
        "AWS_ENDPOINT_URL": "http://moto.example.org:5000",
    }
    return toy


@pytest.fixture
async def agents(contained: Toy, tmp_path: Path) -> AsyncIterator[Agents]:
    agents = Agents(int(contained.environment["SAMLET_AGENT_PORT"]), tmp_path, [])
    yield agents
    await agents.end_all()


async def test_its_functions_run_in_agents_and_are_told_everything_over_the_line(
    contained: Toy, agents: Agents, tmp_path: Path
) -> None:
    # Nobody opens the gate: `Prepare`, which on_start names, is not invoked. An agent that comes first does that.
    contained.launch()
    await asyncio.to_thread(eventually, lambda: contained.health().get("ready"), 30.0)
    # This event is there before any agent, and waits for one.
    invoking = asyncio.create_task(asyncio.to_thread(contained.command, "invoke", "Hello"))
    await agents.agent(Function("Hello", "hello", "python3.13", "app.http", tmp_path / "image"))
    done = await invoking
    assert '"body": "hello  from-a-file http://moto.example.org:5000"' in done.stdout, done.stderr
    assert contained.addresses["api"] == "http://api.example.org:3000"
    config = await asyncio.to_thread(httpx.get, f"{contained.addresses['web']}/config.json")
    assert config.json() == {"api": "http://api.example.org:3000"}
    assert not (tmp_path / "cache").exists(), "nothing is installed for functions that bring what they need"
    assert not (contained.folder / ".samlet" / "secrets.json").exists()


def test_with_a_web_url_somebody_else_serves_the_page(contained: Toy) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        contained.environment["SAMLET_WEB_PORT"] = str(taken.getsockname()[1])
        contained.environment["SAMLET_WEB_URL"] = "http://page.example.org"
        contained.launch()
        eventually(lambda: contained.health().get("ready"), timeout=30)
        assert contained.addresses["web"] == "http://page.example.org"


def refused(toy: Toy) -> str:
    done = toy.command("up")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("samlet: ")]
    return line


@pytest.mark.parametrize("content", [None, ""])
def test_a_token_file_that_says_nothing_is_refused(contained: Toy, tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "other"
    if content is not None:
        file.write_text(content)
    contained.environment["SAMLET_AGENT_TOKEN_FILE"] = str(file)
    assert str(file) in refused(contained)


def test_a_secret_that_is_missing_is_named(contained: Toy, tmp_path: Path) -> None:
    (tmp_path / "secrets" / "one").unlink()
    assert str(tmp_path / "secrets" / "one") in refused(contained)


def test_a_taken_agent_port_is_told_with_its_setting(contained: Toy) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = contained.environment["SAMLET_AGENT_PORT"] = str(taken.getsockname()[1])
        line = refused(contained)
    assert line == f"samlet: port {port} for the agents is taken; set SAMLET_AGENT_PORT to another one"


def test_an_address_of_another_machine_is_not_called_a_taken_port(contained: Toy) -> None:
    contained.environment["SAMLET_HOST"] = "192.0.2.1"
    line = refused(contained)
    assert "SAMLET_HOST" in line
    assert "taken" not in line


def test_among_containers_the_invoke_api_is_for_its_own_alone() -> None:
    settings = Settings(host="0.0.0.0", agent_port=3002, ports=dict.fromkeys(("lambda", "api"), 0))
    with bind("lambda", settings) as invoke_api, bind("api", settings) as gateway:
        assert invoke_api.getsockname()[0] == "127.0.0.1"
        assert gateway.getsockname()[0] == "0.0.0.0"
