"""`make backup` and `make restore` rehearsed on the database in a container, whose administrator is a superuser."""

from pathlib import Path

from compose.containers import Containers
from e2e.test_backup import save_lose_and_restore


def test_what_was_deleted_by_mistake_comes_back_from_a_backup_of_the_container(
    system: Containers, tmp_path: Path
) -> None:
    save_lose_and_restore(system, tmp_path)
