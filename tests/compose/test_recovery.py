"""The runbooks' targets of the Makefile against the containers; the administrator is a superuser there."""

from pathlib import Path

from compose.containers import Containers
from e2e.test_backup import make, save_lose_and_restore


def test_what_was_deleted_by_mistake_comes_back_from_a_backup_of_the_container(
    system: Containers, tmp_path: Path
) -> None:
    save_lose_and_restore(system, tmp_path)


def test_migrate_and_redrive_run_in_a_container_of_their_own(system: Containers) -> None:
    migrated = make(system, "migrate")
    assert migrated.returncode == 0, migrated.stderr
    assert '"revision"' in migrated.stdout + migrated.stderr
    redriven = make(system, "redrive")
    assert redriven.returncode == 0, redriven.stderr
    assert '"redriven": 0' in redriven.stdout + redriven.stderr


def test_invoke_reaches_the_function_in_its_container(system: Containers) -> None:
    answer = make(system, "invoke", "FUNCTION=NightlyDigestFunction", "EVENT={}")
    assert answer.returncode != 0
    assert "InvalidSlot" in answer.stdout
