"""Every migration after the first expands, or says which release stopped using what it takes away."""

from pathlib import Path

import pytest

from migration_rules import faults

VERSIONS = Path(__file__).resolve().parents[2] / "functions" / "migrate" / "versions"


def migration(folder: Path, body: str, head: str = "") -> Path:
    file = folder / "0002_tried.py"
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    file.write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n\nrevision = '0002'\ndown_revision = '0001'\n"
        f"{head}\n\ndef upgrade() -> None:\n{lines}\n"
    )
    return file


def test_every_migration_may_go_out_while_the_previous_release_is_at_work() -> None:
    later = [file for file in sorted(VERSIONS.glob("*.py")) if file.name[:4] > "0001"]
    assert {file.name: faults(file) for file in later if faults(file)} == {}


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE tasks DROP COLUMN notes",
        "DROP TABLE login_failures",
        "ALTER TABLE tasks RENAME COLUMN title TO name",
        "ALTER TABLE tasks ALTER COLUMN version TYPE BIGINT",
        "ALTER TABLE tasks ALTER notes SET NOT NULL",
        "ALTER TABLE tasks ADD COLUMN colour TEXT NOT NULL",
        "ALTER TABLE users ALTER COLUMN locale DROP DEFAULT",
        "ALTER TABLE tasks ADD CONSTRAINT c CHECK (version > 0) NOT VALID",
        "CREATE UNIQUE INDEX IF NOT EXISTS i ON tasks (title)",
        "CREATE INDEX i ON tasks (title)",
        "ALTER TABLE tasks ADD COLUMN tag UUID DEFAULT gen_random_uuid()",
        "UPDATE tasks SET notes = ''",
        "LOCK TABLE tasks",
        "DELETE FROM outbox",
    ],
)
def test_what_the_previous_release_or_its_users_would_notice_is_refused(tmp_path: Path, statement: str) -> None:
    assert faults(migration(tmp_path, f"op.execute({statement!r})"))


@pytest.mark.parametrize(
    "body",
    [
        "op.drop_column('tasks', 'notes')",
        "op.rename_table('tasks', 'todos')",
        "op.alter_column('tasks', 'notes', nullable=False)",
        "op.alter_column('tasks', 'version', type_=sa.BigInteger())",
        "op.add_column('tasks', sa.Column('colour', sa.Text(), nullable=False))",
        "op.create_index('i', 'tasks', ['title'])",
    ],
)
def test_alembics_own_operations_are_read_too(tmp_path: Path, body: str) -> None:
    assert faults(migration(tmp_path, body))


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE tasks ADD COLUMN colour TEXT",
        "ALTER TABLE tasks ADD COLUMN colour TEXT NOT NULL DEFAULT 'none'",
        "ALTER TABLE tasks ADD COLUMN colour TEXT DEFAULT 'none' NOT NULL",
        "CREATE INDEX IF NOT EXISTS i ON tasks (title)",
        "ALTER TABLE tasks ALTER COLUMN notes DROP NOT NULL",
        "CREATE TABLE tags (id UUID PRIMARY KEY, name TEXT NOT NULL); CREATE UNIQUE INDEX t ON tags (name)",
        "UPDATE tasks SET notes = '' WHERE notes IS NULL AND id IN (SELECT id FROM tasks LIMIT 1000)",
    ],
)
def test_an_expansion_passes(tmp_path: Path, statement: str) -> None:
    assert faults(migration(tmp_path, f"op.execute({statement!r})")) == []


def test_a_contraction_names_the_revision_that_stopped_using_it_and_keeps_the_rules_of_locks(tmp_path: Path) -> None:
    head = "contract = '0003 reads tags instead'"
    assert faults(migration(tmp_path, "op.execute('ALTER TABLE tasks DROP COLUMN notes')", head)) == []
    assert faults(migration(tmp_path, "op.execute('LOCK TABLE tasks')", head))


def test_there_is_no_way_back(tmp_path: Path) -> None:
    file = migration(tmp_path, "op.execute('SELECT 1')")
    file.write_text(file.read_text() + "\n\ndef downgrade() -> None:\n    pass\n")
    assert faults(file) == ["has a downgrade: a schema goes forward only"]
