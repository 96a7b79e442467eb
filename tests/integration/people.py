"""Users and tasks for the digest's tests, written straight into the tables."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from uuid import UUID, uuid4

from sqlalchemy import insert, select, update

from integration.databases import Database
from taskflow.database import transaction
from taskflow.digest_time import next_digest_at
from taskflow.tables import DigestLedger, DigestSchedule, Outbox, Task, User


@dataclass(frozen=True)
class Person:
    id: UUID
    zone: str
    at: time


def register(
    database: Database,
    now: datetime,
    *,
    zone: str = "UTC",
    at: time = time(0),
    enabled: bool = True,
    skip_empty: bool = False,
    email: str | None = None,
) -> Person:
    """A user as `auth` would leave it; also one without a digest gets a row in the schedule, to try the loop."""
    person = Person(uuid4(), zone, at)
    with database.admin_engine().begin() as connection:
        connection.execute(
            insert(User).values(
                id=person.id,
                email=email or f"{person.id}@example.com",
                password_hash="x",
                created_at=now,
                timezone=zone,
                digest_time=at,
                digest_enabled=enabled,
                digest_skip_empty=skip_empty,
            )
        )
        due = next_digest_at(zone if zone != "Mars/Olympus" else "UTC", at, now)
        connection.execute(insert(DigestSchedule).values(user_id=person.id, next_digest_at=due))
    return person


def move(database: Database, person: Person, zone: str, now: datetime) -> None:
    """The user changes the time zone, as `auth` does it."""
    with database.admin_engine().begin() as connection:
        connection.execute(update(User).where(User.id == person.id).values(timezone=zone))
        connection.execute(
            update(DigestSchedule)
            .where(DigestSchedule.user_id == person.id)
            .values(next_digest_at=next_digest_at(zone, person.at, now))
        )


def add_tasks(database: Database, person: Person, titles: list[str], now: datetime, **values: object) -> None:
    """Tasks a second apart; the last one is the newest."""
    engine = database.engine("tasks")
    with transaction(engine, person.id) as session:
        for number, title in enumerate(titles):
            created = now + timedelta(seconds=number)
            row = {"id": uuid4(), "user_id": person.id, "title": title, "created_at": created, "updated_at": created}
            session.execute(insert(Task).values(**row, **values))
    engine.dispose()


def ledger(database: Database) -> list[tuple[UUID, str]]:
    with database.admin_engine().begin() as connection:
        rows = connection.execute(
            select(DigestLedger.user_id, DigestLedger.local_date).order_by(DigestLedger.local_date)
        )
        return [(user, day.isoformat()) for user, day in rows]


def payloads(database: Database) -> list[str]:
    """The digests in the outbox, in their order."""
    with database.admin_engine().begin() as connection:
        return list(connection.scalars(select(Outbox.payload).order_by(Outbox.id)))


def due_at(database: Database, person: Person) -> datetime:
    with database.admin_engine().begin() as connection:
        moment = connection.scalar(select(DigestSchedule.next_digest_at).where(DigestSchedule.user_id == person.id))
        assert moment is not None
        return moment
