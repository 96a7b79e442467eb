"""`make backup` and `make restore` on the running system, whose administrator is no superuser."""

import subprocess
from pathlib import Path

import pytest
from sqlalchemy import text

from e2e.system import CHECKOUT, System
from e2e.user import User

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e-backup")]


def make(system: System, target: str, *variables: str) -> subprocess.CompletedProcess[str]:
    """A target of the Makefile, for this system; what it would install first is there, or this would not run."""
    command = ["make", "-s", "-o", ".venv/.tools", "-o", ".venv/.run", target, *variables]
    return subprocess.run(
        command, cwd=CHECKOUT, env=system.surroundings(), capture_output=True, text=True, timeout=120, check=False
    )


def titles(user: User) -> list[str]:
    return [task["title"] for task in user.client.get("/tasks").json()["items"]]


def test_what_was_deleted_by_mistake_comes_back_and_the_functions_go_on(own_system: System, tmp_path: Path) -> None:
    save_lose_and_restore(own_system.start(), tmp_path)


def save_lose_and_restore(system: System, folder: Path) -> None:
    """Rehearse the runbook with the targets of the Makefile."""
    ann = User(system)
    ann.add("milk")
    file = folder / "taskflow.zip"
    saved = make(system, "backup", f"FILE={file}")
    assert saved.returncode == 0, saved.stderr
    with system.database() as connection:
        connection.execute(text("DELETE FROM users WHERE email = :email"), {"email": ann.email})
    assert titles(ann) == []
    refused = make(system, "restore", f"FILE={file}")
    assert refused.returncode != 0
    assert "REPLACE=1" in refused.stderr
    restored = make(system, "restore", f"FILE={file}", "REPLACE=1")
    assert restored.returncode == 0, restored.stderr
    assert titles(ann) == ["milk"]
    ann.add("bread")
    assert titles(ann) == ["bread", "milk"]
    asked = make(system, "sql", f"Q=SELECT count(*) FROM users WHERE email LIKE '%{ann.email}'")
    assert asked.stdout.split() == ["count", "1"]
