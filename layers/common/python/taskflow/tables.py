"""Every table of the service; functions/migrate/versions builds them, a test compares the two.

| table            | written by                    | pruned by                      |
|------------------|-------------------------------|--------------------------------|
| users            | auth                          | auth (DELETE /me, cascades)    |
| digest_schedule  | auth, nightly_digest          | with its user                  |
| refresh_tokens   | auth                          | housekeeping                   |
| login_failures   | auth                          | housekeeping                   |
| tasks            | tasks                         | housekeeping (trash)           |
| outbox           | auth, tasks, nightly_digest   | housekeeping (published rows)  |
| digest_ledger    | nightly_digest                | with its user                  |
| processed_events | mail_sender                   | housekeeping                   |
| dead_letters     | mail_sender                   | nobody: somebody must look     |
"""

from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Index, Integer, LargeBinary, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

_OWNER = "users.id"


class Table(DeclarativeBase):
    """What all tables share: moments are timestamptz, text has no length (the door limits it)."""

    type_annotation_map = {datetime: DateTime(timezone=True), str: Text()}  # noqa: RUF012 - read by SQLAlchemy


class User(Table):
    """An account; its address is unique whatever the case of its letters."""

    __tablename__ = "users"
    __table_args__ = (Index("users_email_key", text("lower(email)"), unique=True),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str]
    password_hash: Mapped[str]
    created_at: Mapped[datetime]
    timezone: Mapped[str] = mapped_column(server_default="UTC")
    locale: Mapped[str] = mapped_column(server_default="en")
    digest_enabled: Mapped[bool] = mapped_column(server_default=text("true"))
    digest_time: Mapped[time] = mapped_column(server_default=text("'00:00'"))
    digest_skip_empty: Mapped[bool] = mapped_column(server_default=text("false"))


class DigestSchedule(Table):
    """When a user's next digest is due; there is a row for each user whose digest is enabled, and for no other.

    It stands apart from `users` because the digest moves it on, and the digest may not write domain tables.
    """

    __tablename__ = "digest_schedule"
    __table_args__ = (Index("digest_schedule_due", "next_digest_at", "user_id"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey(_OWNER, ondelete="CASCADE"), primary_key=True)
    next_digest_at: Mapped[datetime]


class RefreshToken(Table):
    """A refresh token as its SHA-256; the tokens of one login are a family, and fall together."""

    __tablename__ = "refresh_tokens"
    __table_args__ = (
        Index("refresh_tokens_user", "user_id"),
        Index("refresh_tokens_family", "family_id"),
        Index("refresh_tokens_expiry", "expires_at"),
    )

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    family_id: Mapped[UUID]
    user_id: Mapped[UUID] = mapped_column(ForeignKey(_OWNER, ondelete="CASCADE"))
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class LoginFailure(Table):
    """A login that failed; account and address are keyed hashes, so a leak names nobody."""

    __tablename__ = "login_failures"
    __table_args__ = (
        Index("login_failures_account", "account", "failed_at"),
        Index("login_failures_address", "address", "failed_at"),
        Index("login_failures_age", "failed_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    account: Mapped[bytes] = mapped_column(LargeBinary)
    address: Mapped[bytes] = mapped_column(LargeBinary)
    failed_at: Mapped[datetime]


class Task(Table):
    """A task; with `deleted_at` set it lies in the trash. Row level security shows it to its owner alone."""

    __tablename__ = "tasks"
    __table_args__ = (
        Index("tasks_user", "user_id"),
        Index("tasks_user_done", "user_id", "done"),
        Index(
            "tasks_newest",
            "user_id",
            text("created_at DESC"),
            text("id DESC"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("tasks_trash", "deleted_at", postgresql_where=text("deleted_at IS NOT NULL")),
        CheckConstraint("char_length(title) BETWEEN 1 AND 500", name="tasks_title_length"),
        CheckConstraint("done = (done_at IS NOT NULL)", name="tasks_done_has_moment"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey(_OWNER, ondelete="CASCADE"))
    title: Mapped[str]
    notes: Mapped[str | None]
    done: Mapped[bool] = mapped_column(server_default=text("false"))
    done_at: Mapped[datetime | None]
    due_on: Mapped[date | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))


class Outbox(Table):
    """An event on its way to Kafka; `payload` is the exact text of the wire."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("outbox_waiting", "id", postgresql_where=text("published_at IS NULL AND dead_at IS NULL")),
        Index("outbox_published", "published_at", postgresql_where=text("published_at IS NOT NULL")),
        Index("outbox_dead", "dead_at", postgresql_where=text("dead_at IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=True)
    event_id: Mapped[UUID] = mapped_column(unique=True)
    topic: Mapped[str]
    key: Mapped[str]
    type: Mapped[str]
    payload: Mapped[str]
    headers: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    published_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    next_attempt_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
    dead_at: Mapped[datetime | None]


class DigestLedger(Table):
    """One digest per user and local date: the key is the guarantee."""

    __tablename__ = "digest_ledger"

    user_id: Mapped[UUID] = mapped_column(ForeignKey(_OWNER, ondelete="CASCADE"), primary_key=True)
    local_date: Mapped[date] = mapped_column(primary_key=True)
    event_id: Mapped[UUID | None]  # null: that date's digest was empty and the user skips those
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ProcessedEvent(Table):
    """What became of an event's mail; `processed_at` is null until the state is final.

    Only a final row suppresses a mail. A row with `processed_at` set and nothing else counts as sent.
    """

    __tablename__ = "processed_events"
    __table_args__ = (
        CheckConstraint(
            "state IN ('claimed', 'dispatching', 'sent', 'retry', 'failed', 'suppressed', 'unknown')",
            name="processed_events_state",
        ),
        Index("processed_events_age", "created_at"),
        Index("processed_events_open", "next_attempt_at", postgresql_where=text("processed_at IS NULL")),
        Index("processed_events_recipient", "recipient", postgresql_where=text("state = 'suppressed'")),
    )

    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    processed_at: Mapped[datetime | None]
    state: Mapped[str | None]
    fence: Mapped[UUID | None]
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    next_attempt_at: Mapped[datetime | None]  # when the sweep looks again: a retry falls due, or a lease has run out
    last_error: Mapped[str | None]
    payload: Mapped[str | None]  # the event itself, until the state is final
    recipient: Mapped[bytes | None] = mapped_column(LargeBinary)  # SHA-256 of an address: a refused one rests
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class DeadLetter(Table):
    """An `email.*` record that can't be parsed or is invalid, byte for byte, with the reason."""

    __tablename__ = "dead_letters"

    topic: Mapped[str] = mapped_column(primary_key=True)
    partition: Mapped[int] = mapped_column(Integer, primary_key=True)
    offset: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    key: Mapped[bytes | None] = mapped_column(LargeBinary)
    value: Mapped[bytes | None] = mapped_column(LargeBinary)
    reason: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
