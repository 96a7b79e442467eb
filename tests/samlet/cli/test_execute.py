"""`samlet exec` tells a command where the running services are."""

import json
from pathlib import Path

import pytest

from samlet.cli.execute import addresses
from samlet.cli.main import main
from samlet.errors import NotRunning
from samlet.project import PostgresWanted, Project
from samlet.state import State

PROJECT = Project(Path("/nowhere/template.yaml"), postgres=PostgresWanted("shop"))


@pytest.fixture(autouse=True)
def _no_database_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_ADMIN_URL", raising=False)


def test_the_addresses_are_those_of_the_running_services(tmp_path: Path) -> None:
    state = State(tmp_path)
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "admin.password").write_text("a/b")
    with state.lock():
        state.publish({"postgres": "127.0.0.1:5", "kafka": "127.0.0.1:6"})
        assert addresses(PROJECT, state) == {
            "DATABASE_ADMIN_URL": "postgresql://samlet_admin:a%2Fb@127.0.0.1:5/shop",
            "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:6",
        }


def test_where_nothing_runs_a_database_of_ones_own_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotRunning, match="DATABASE_ADMIN_URL"):
        addresses(PROJECT, State(tmp_path))
    monkeypatch.setenv("DATABASE_ADMIN_URL", "postgresql://elsewhere/shop")
    assert addresses(PROJECT, State(tmp_path)) == {}


@pytest.mark.parametrize(
    ("words", "status", "fault"), [([], 2, "say what to run"), (["--", "no-such-program"], 1, "can't be run")]
)
def test_what_cannot_be_run_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    status: int,
    fault: str,
) -> None:
    (tmp_path / "template.yaml").write_text(json.dumps({"Resources": {}}))
    monkeypatch.setenv("DATABASE_ADMIN_URL", "postgresql://elsewhere/shop")
    monkeypatch.setenv("SAMLET_STATE_DIR", str(tmp_path / "state"))
    assert main(["exec", "--template", str(tmp_path / "template.yaml"), *words]) == status
    assert fault in capsys.readouterr().err
