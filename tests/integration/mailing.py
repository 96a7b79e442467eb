"""What the mail sender's tests share: digests as Kafka records, a postman, and the rows of its tables."""

import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, select

from integration.databases import Database
from integration.scripted_smtp import ScriptedSmtp
from mail_sender.kafka_event import handle_batch
from mail_sender.postman import Circuit, Postman
from mail_sender.rendering import Sender
from mail_sender.smtp_url import parse_smtp_url
from mail_sender.transport import SmtpTransport
from taskflow.clock import utc_now
from taskflow.tables import DeadLetter, ProcessedEvent


def digest(event_id: UUID | None = None, email: str = "anna@example.com", **changes: Any) -> dict[str, Any]:
    return {
        "event_id": str(event_id or uuid4()),
        "type": "email.daily_digest.requested",
        "occurred_at": "2026-06-02T00:00:00Z",
        "user_id": str(UUID(int=7)),
        "email": email,
        "stats": {"total": 1, "done": 0, "undone": 1},
        "undone_titles": ["Buy milk"],
    } | changes


def batch(*values: dict[str, Any] | bytes, partition: int = 0, first: int = 0) -> dict[str, Any]:
    """A mapping's event, with the offsets counted from `first`."""
    records = [
        {
            "topic": "events",
            "partition": partition,
            "offset": offset,
            "key": b64encode(b"key").decode(),
            "value": b64encode(value if isinstance(value, bytes) else json.dumps(value).encode()).decode(),
        }
        for offset, value in enumerate(values, first)
    ]
    return {"eventSource": "SelfManagedKafka", "records": {f"events-{partition}": records}}


@contextmanager
def postman_for(
    database: Database,
    server: ScriptedSmtp | str,
    *,
    later: timedelta = timedelta(0),
    seconds: float = 60.0,
    command_timeout: float = 5.0,
) -> Iterator[Postman]:
    """A postman whose clock is ahead by `later`, in an invocation that has `seconds` left for ever."""
    url = server if isinstance(server, str) else server.url

    def clock() -> datetime:
        return utc_now() + later

    engine = database.engine("mail_sender")
    transport = SmtpTransport(parse_smtp_url(url), remaining=lambda: seconds, command_timeout=command_timeout)
    sender = Sender("Taskflow", "digest@taskflow.example", "https://app.example")
    yield Postman(engine, transport, sender, clock, lambda: seconds, Circuit())
    transport.quit()
    engine.dispose()


def rows(database: Database) -> dict[UUID, Row[Any]]:
    table = ProcessedEvent.__table__
    with database.admin_engine().begin() as connection:
        return {row.event_id: row for row in connection.execute(select(table))}


def row_of(database: Database, event: dict[str, Any]) -> Row[Any]:
    return rows(database)[UUID(event["event_id"])]


def dead_letters(database: Database) -> list[Row[Any]]:
    with database.admin_engine().begin() as connection:
        return list(connection.execute(select(DeadLetter.__table__).order_by(DeadLetter.offset)))


LATER = timedelta(minutes=10)  # beyond every lease, and beyond the first back-offs


def deliver(database: Database, server: ScriptedSmtp | str, *events: Any, **options: Any) -> dict[str, Any]:
    """Give a postman the events as one batch from Kafka; returns the answer."""
    with postman_for(database, server, **options) as postman:
        return {**handle_batch(batch(*events), postman.take_record)}


def sweep(database: Database, server: ScriptedSmtp | str, *, later: timedelta = LATER) -> int:
    """Let a postman send what is due `later`."""
    with postman_for(database, server, later=later) as postman:
        return postman.sweep()
