"""What is kept for how long; nothing else is ever deleted by the clock.

| what                                    | kept     | setting              |
|-----------------------------------------|----------|----------------------|
| tasks in the trash                      | 30 days  | KEEP_TRASH_DAYS      |
| outbox rows that are published          | 7 days   | KEEP_OUTBOX_DAYS     |
| refresh tokens that expired or were revoked | 7 days | KEEP_TOKENS_DAYS   |
| processed events in a final state       | 60 days  | KEEP_PROCESSED_DAYS  |
| failed logins                           | 1 day    | KEEP_LOGIN_FAILURES_DAYS |

Outbox rows that wait or are dead, claims of mails that are not final, and dead letters stay until somebody acts.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Engine, delete, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from taskflow.database import transaction
from taskflow.settings import Environment
from taskflow.tables import LoginFailure, Outbox, ProcessedEvent, RefreshToken, Task


@dataclass(frozen=True)
class Rule:
    """Rows of one table, known by `key`, whose time is over."""

    name: str
    key: InstrumentedAttribute[Any]
    over: ColumnElement[bool]


def rules(environment: Environment, now: datetime) -> tuple[Rule, ...]:
    """What may go at this moment."""

    def before(setting: str, days: float) -> datetime:
        return now - timedelta(days=environment.number(setting, days))

    token_end = before("KEEP_TOKENS_DAYS", 7)
    return (
        Rule("trash", Task.id, Task.deleted_at < before("KEEP_TRASH_DAYS", 30)),
        Rule("outbox", Outbox.id, Outbox.published_at < before("KEEP_OUTBOX_DAYS", 7)),
        Rule(
            "sessions",
            RefreshToken.token_hash,
            or_(RefreshToken.expires_at < token_end, RefreshToken.revoked_at < token_end),
        ),
        Rule(
            "processed_events",
            ProcessedEvent.event_id,
            ProcessedEvent.processed_at < before("KEEP_PROCESSED_DAYS", 60),
        ),
        Rule("login_failures", LoginFailure.id, LoginFailure.failed_at < before("KEEP_LOGIN_FAILURES_DAYS", 1)),
    )


def delete_batch(engine: Engine, rule: Rule, size: int) -> int:
    """Delete up to `size` rows in a transaction of their own; gives how many there were.

    The condition stands twice, because a task may be restored between the two readings of it.
    """
    batch = select(rule.key).where(rule.over).limit(size)
    with transaction(engine) as session:
        result = session.execute(
            delete(rule.key.class_).where(rule.key.in_(batch), rule.over),
            execution_options={"synchronize_session": False},
        )
        return int(getattr(result, "rowcount", 0))
