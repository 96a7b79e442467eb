"""The previous release works on the new schema, because a deploy migrates first and replaces the code after that.

The previous release is the commit before the newest migration was added, with the migrations of today: what runs
between the two steps. Its own tests are run. Migrations made up here show that the trial tells good from bad.
"""

import os
import shutil
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from servers import PostgresServer

pytestmark = pytest.mark.timeout(600)  # each trial is a run of pytest in its own right

CHECKOUT = Path(__file__).resolve().parents[2]
VERSIONS = Path("functions/migrate/versions")
PARTS = ("functions", "layers", "tests", "local", "pyproject.toml", "template.yaml", "samlet.toml", "docs/contracts")
TRIED = (
    "test_tasks.py",
    "test_me.py",
    "test_auth.py",
    "test_outbox.py",
    "test_nightly_digest.py",
    "test_mail_sender.py",
    "test_mail_sender_bad_events.py",
    "test_mail_sender_outages.py",
)
QUICK = ("test_tasks.py",)


def git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=CHECKOUT, capture_output=True, check=True).stdout


def copy_of_today(folder: Path) -> None:
    for part in PARTS:
        source, target = CHECKOUT / part, folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "build"))
        else:
            shutil.copy(source, target)


def previous_release(newest: str, folder: Path) -> None:
    """The code of before, with the migrations of today."""
    added = git("log", "--diff-filter=A", "--format=%H", "-1", "--", str(VERSIONS / newest)).decode().strip()
    # The first schema has no release before it, and that of a migration which is not committed yet is what is.
    commit = "HEAD" if newest.startswith("0001") or not added else f"{added}^"
    try:
        archive = git("archive", commit, "--", *PARTS)
    except subprocess.CalledProcessError:
        pytest.fail(f"the commit before {newest} is not in this clone: git fetch --unshallow")
    with tarfile.open(fileobj=BytesIO(archive)) as packed:
        packed.extractall(folder, filter="data")
    shutil.rmtree(folder / "functions" / "migrate")
    shutil.copytree(CHECKOUT / "functions" / "migrate", folder / "functions" / "migrate")


def run_tests(folder: Path, files: tuple[str, ...], servers: Path) -> subprocess.CompletedProcess[str]:
    """Run a release's database tests in a process of their own, on the PostgreSQL of this run."""
    present = [str(path) for name in files if (path := folder / "tests" / "integration" / name).exists()]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV_"))}
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-x",
            "-p",
            "no:randomly",
            "-p",
            "no:cacheprovider",
            "--tb=line",
            *present,
        ],
        cwd=folder,
        env={**kept, "TEST_SERVERS": str(servers)},
        capture_output=True,
        text=True,
        timeout=550,
        check=False,
    )


def add_migration(folder: Path, statement: str) -> None:
    last = sorted((folder / VERSIONS).glob("*.py"))[-1].name[:4]
    (folder / VERSIONS / f"{int(last) + 1:04}_tried.py").write_text(
        f"from alembic import op\n\nrevision = '{int(last) + 1:04}'\ndown_revision = '{last}'\n\n\n"
        f"def upgrade() -> None:\n    op.execute({statement!r})\n"
    )


def test_the_previous_release_works_on_the_schema_of_today(
    tmp_path: Path, postgres_server: PostgresServer, run_folder: Path
) -> None:
    newest = sorted((CHECKOUT / VERSIONS).glob("*.py"))[-1].name
    previous_release(newest, tmp_path)
    # The first schema has no other before it: then this only shows that a release can be taken from git and tried.
    done = run_tests(tmp_path, QUICK if newest.startswith("0001") else TRIED, run_folder)
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.parametrize(
    "statement", ["ALTER TABLE tasks ADD COLUMN colour TEXT NOT NULL DEFAULT 'none'", "CREATE TABLE tags (id UUID)"]
)
def test_an_expansion_is_told_from_a_contraction_because_the_code_of_before_works_on_it(
    tmp_path: Path, postgres_server: PostgresServer, run_folder: Path, statement: str
) -> None:
    copy_of_today(tmp_path)
    add_migration(tmp_path, statement)
    done = run_tests(tmp_path, QUICK, run_folder)
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE tasks DROP COLUMN notes",
        "ALTER TABLE tasks RENAME COLUMN title TO name",
        "ALTER TABLE tasks ADD COLUMN colour TEXT NOT NULL",
        "ALTER TABLE tasks ALTER COLUMN version TYPE TEXT",
    ],
)
def test_a_contraction_breaks_the_code_of_before_and_is_found(
    tmp_path: Path, postgres_server: PostgresServer, run_folder: Path, statement: str
) -> None:
    copy_of_today(tmp_path)
    add_migration(tmp_path, statement)
    done = run_tests(tmp_path, QUICK, run_folder)
    assert done.returncode == 1, done.stdout[-4000:]
    assert "FAILED" in done.stdout
