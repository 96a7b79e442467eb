"""G1: a change and its event are committed together, or neither is."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, event, insert
from sqlalchemy.exc import IntegrityError

from integration.databases import Database
from integration.relaying import NOW, rows, task_created
from taskflow import events, outbox
from taskflow.database import transaction
from taskflow.tables import Task, User


@pytest.fixture
def tasks_role(database: Database) -> Iterator[Engine]:
    """The role of the function that writes: it may add to the outbox, and not read it."""
    engine = database.engine("tasks")
    yield engine
    engine.dispose()


@pytest.fixture
def user(database: Database) -> UUID:
    user = uuid4()
    with database.admin_engine().begin() as connection:
        values = {"id": user, "email": f"{user}@example.org", "password_hash": "x", "created_at": NOW}
        connection.execute(insert(User).values(values))
    return user


def new_task(user: UUID) -> Task:
    return Task(id=uuid4(), user_id=user, title="buy milk", created_at=NOW, updated_at=NOW, version=1)


def count_tasks(engine: Engine, user: UUID) -> int:
    with transaction(engine, user) as session:
        return session.query(Task).count()


def test_g1_a_change_and_its_event_are_committed_together(database: Database, tasks_role: Engine, user: UUID) -> None:
    created = task_created(user, "Ж")
    with transaction(tasks_role, user) as session:
        session.add(new_task(user))
        outbox.add(session, created, traceparent="00-abc-def-01")
    (row,) = rows(database.admin_engine())
    assert row.event_id == created.event_id
    assert (row.topic, row.key, row.type) == ("events", str(user), "task.created")
    assert row.payload.encode() == events.serialize(created)
    assert row.headers == {
        "ce_id": str(created.event_id),
        "ce_type": "task.created",
        "ce_source": "/taskflow",
        "ce_time": "2026-11-20T12:00:00Z",
        "ce_specversion": "1.0",
        "content-type": "application/json; charset=utf-8",
        "traceparent": "00-abc-def-01",
    }
    assert (row.published_at, row.attempts, row.dead_at) == (None, 0, None)
    assert count_tasks(tasks_role, user) == 1


def test_g1_a_change_that_fails_leaves_no_event(database: Database, tasks_role: Engine, user: UUID) -> None:
    def change_and_fail() -> None:
        with transaction(tasks_role, user) as session:
            session.add(new_task(user))
            outbox.add(session, task_created(user))
            raise LookupError

    with pytest.raises(LookupError):
        change_and_fail()
    assert rows(database.admin_engine()) == []
    assert count_tasks(tasks_role, user) == 0


def test_g1_an_event_that_cannot_be_written_undoes_its_change(
    database: Database, tasks_role: Engine, user: UUID
) -> None:
    twice = task_created(user)

    def write_twice() -> None:
        with transaction(tasks_role, user) as session:
            session.add(new_task(user))
            outbox.add(session, twice)
            outbox.add(session, twice)

    with pytest.raises(IntegrityError):
        write_twice()

    def write_too_much() -> None:
        with transaction(tasks_role, user) as session:
            session.add(new_task(user))
            outbox.add(session, task_created(user, "x" * events.MAX_BYTES))

    with pytest.raises(events.EventTooLarge):
        write_too_much()
    assert rows(database.admin_engine()) == []
    assert count_tasks(tasks_role, user) == 0


def test_g2_the_aggregate_is_written_before_its_outbox_row(tasks_role: Engine, user: UUID) -> None:
    task = new_task(user)
    with transaction(tasks_role, user) as session:
        session.add(task)
    statements: list[str] = []
    event.listen(tasks_role, "before_cursor_execute", lambda *args: statements.append(args[2].split()[0:3]))
    with transaction(tasks_role, user) as session:
        session.get_one(Task, task.id).title = "changed"
        outbox.add(session, task_created(user))
    writes = [" ".join(words) for words in statements if words[0] in ("UPDATE", "INSERT")]
    assert writes == ["UPDATE tasks SET", "INSERT INTO outbox"]


def test_many_events_keep_their_order(database: Database, tasks_role: Engine, user: UUID) -> None:
    batch = [task_created(user, f"{n}") for n in range(50)]
    with transaction(tasks_role, user) as session:
        outbox.add_all(session, batch)
        outbox.add_all(session, [])
    assert [row.event_id for row in rows(database.admin_engine())] == [item.event_id for item in batch]
