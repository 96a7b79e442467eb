"""What a migration may do while the previous release is still at work: expand, and hold no lock for long.

The rules read the SQL that a migration would run, so they see `op.execute` and Alembic's own operations alike. They are
a net for the usual mistakes; whether the previous release works is tried (integration/test_expand_and_contract.py).
"""

import importlib.util
import io
import re
from pathlib import Path
from types import ModuleType

from alembic.migration import MigrationContext
from alembic.operations import Operations

# What code that knows nothing of the change would stumble over.
CONTRACTS = {
    "drops a table": r"\bDROP\s+TABLE\b",
    "drops a column": r"\bDROP\s+COLUMN\b",
    "drops a default": r"\bDROP\s+DEFAULT\b",
    "renames": r"\bRENAME\b",
    "changes a type": r"\bALTER\s+(COLUMN\s+)?\S+\s+(SET\s+DATA\s+)?TYPE\b",
    "makes a column NOT NULL": r"\bSET\s+NOT\s+NULL\b",
    "adds a column that is NOT NULL and has no default": r"\bADD\s+COLUMN\b(?!.*\bDEFAULT\b)[^,]*\bNOT\s+NULL\b",
    "adds a constraint": r"\bADD\s+(CONSTRAINT|CHECK|UNIQUE|FOREIGN|PRIMARY)\b",
    "makes an index unique": r"\bCREATE\s+UNIQUE\s+INDEX\b",
    "takes rows or triggers in hand": r"\b(TRUNCATE|DELETE\s+FROM|CREATE\s+TRIGGER)\b",
}
# What makes everybody wait for as long as the table is big.
LOCKS = {
    "builds an index in the migration: build it CONCURRENTLY before, and write CREATE INDEX IF NOT EXISTS": (
        r"\bCREATE\s+(UNIQUE\s+)?INDEX\s+(?!IF\s+NOT\s+EXISTS)"
    ),
    "checks all rows under a lock: add the constraint NOT VALID, validate it in the next migration": (
        r"\bADD\s+(CONSTRAINT\s+\S+\s+)?(CHECK|FOREIGN\s+KEY)\b(?!.*\bNOT\s+VALID\b)"
    ),
    "writes every row anew: a default that differs from row to row": (
        r"\bADD\s+COLUMN\b.*\bDEFAULT\s+(gen_random_uuid|clock_timestamp|random|nextval)\b"
    ),
    "changes every row in one transaction: fill in by batches, after the deploy": (
        r"\bUPDATE\s+\w+\s+SET\b(?!.*\bWHERE\b)"
    ),
    "locks by hand": r"\b(LOCK\s+TABLE|VACUUM\s+FULL|CLUSTER)\b",
}
_CREATED = re.compile(r"\bCREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?\"?(\w+)", re.IGNORECASE)
_TOUCHED = re.compile(r"\b(?:ALTER\s+TABLE|ON|UPDATE)\s+(?:ONLY\s+)?(?:public\.)?\"?(\w+)", re.IGNORECASE)
_DOWN = "has a downgrade: a schema goes forward only"


def faults(migration: Path) -> list[str]:
    """Everything that is wrong with a migration; nothing for one that may go out."""
    module = _load(migration)
    statements = _statements(module)
    new = {name for statement in statements for name in _CREATED.findall(statement)}
    found = [_DOWN] if hasattr(module, "downgrade") else []
    for statement in statements:
        touched = _TOUCHED.search(statement)
        if touched and touched[1] in new:
            continue  # nobody uses a table that is made here
        rules = LOCKS if getattr(module, "contract", None) else CONTRACTS | LOCKS
        found += [what for what, pattern in rules.items() if re.search(pattern, statement, re.IGNORECASE | re.DOTALL)]
    return found


def _load(migration: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"migration_{migration.stem}", migration)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _statements(module: ModuleType) -> list[str]:
    """The SQL of a migration, without a database."""
    said = io.StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql", opts={"as_sql": True, "output_buffer": said, "literal_binds": True}
    )
    with Operations.context(context):
        module.upgrade()
    without_comments = re.sub(r"--[^\n]*", "", said.getvalue())
    return [statement.strip() for statement in without_comments.split(";") if statement.strip()]
