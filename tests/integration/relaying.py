"""The relay as a process that may be killed, and events for it to publish."""

import os
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from integration.databases import Database
from taskflow import events, outbox
from taskflow.tables import Outbox

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def task_created(user: UUID, title: str = "buy milk") -> events.TaskCreated:
    return events.TaskCreated(event_id=uuid4(), occurred_at=NOW, user_id=user, task_id=uuid4(), title=title)


def write_events(engine: Engine, batch: Iterable[events.Event]) -> list[UUID]:
    """Commit each event in a transaction of its own, and return their ids."""
    ids = []
    for event in batch:
        with Session(engine) as session, session.begin():
            outbox.add(session, event)
        ids.append(event.event_id)
    return ids


def rows(engine: Engine) -> list[Outbox]:
    """The whole outbox, oldest first."""
    with Session(engine, expire_on_commit=False) as session:
        return list(session.scalars(select(Outbox).order_by(Outbox.id)))


def published_ids(engine: Engine) -> list[UUID]:
    return [row.event_id for row in rows(engine) if row.published_at is not None]


def unpublished(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text("SELECT count(*) FROM outbox WHERE published_at IS NULL")) or 0)


def start_relay(
    database: Database, kafka: str, *, seconds: float = 60.0, fail_point: str = "", log: Path | None = None
) -> subprocess.Popen[bytes]:
    """A relay in a process of its own, with nothing in its environment but what the template gives it."""
    environment = {
        **database.environment("outbox_relay"),
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "KAFKA_SECURITY": "none",
        "FAIL_POINT": fail_point,
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(str(ROOT / folder) for folder in ("layers/common/python", "functions")),
    }
    command = [sys.executable, str(Path(__file__).with_name("relay_process.py")), str(seconds)]
    with (log or Path(os.devnull)).open("ab") as out:
        return subprocess.Popen(command, env=environment, stdout=out, stderr=out)
