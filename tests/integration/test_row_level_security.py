"""G5: a user sees and changes only their own data, even when a query forgets its WHERE."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, delete, func, select, text, update
from sqlalchemy.exc import DBAPIError

from integration.api import Api
from taskflow.database import sqlstate, transaction
from taskflow.tables import Task

DENIED = "42501"


@pytest.fixture
def users(api: Api) -> tuple[UUID, UUID]:
    """Two users with one task each."""
    ann, bob = api.account(), api.account("bob@example.com")
    api.task(ann, title="Ann's")
    api.task(bob, title="Bob's")
    return UUID(ann.id), UUID(bob.id)


@pytest.fixture
def tasks_engine(api: Api) -> Iterator[Engine]:
    engine = api.database.engine("tasks")
    yield engine
    engine.dispose()


def test_g5_a_query_that_forgets_its_where_reads_the_own_tasks_alone(
    tasks_engine: Engine, users: tuple[UUID, UUID]
) -> None:
    with transaction(tasks_engine, users[0]) as session:
        assert [task.title for task in session.scalars(select(Task))] == ["Ann's"]


def test_g5_an_update_that_forgets_its_where_changes_the_own_tasks_alone(
    api: Api, tasks_engine: Engine, users: tuple[UUID, UUID]
) -> None:
    with transaction(tasks_engine, users[0]) as session:
        session.execute(update(Task).values(title="mine"))
    assert {title for (title,) in api.rows("SELECT title FROM tasks")} == {"mine", "Bob's"}


def test_g5_a_task_can_be_given_to_nobody_else(tasks_engine: Engine, users: tuple[UUID, UUID]) -> None:
    with pytest.raises(DBAPIError) as refused, transaction(tasks_engine, users[0]) as session:
        session.execute(update(Task).values(user_id=users[1]))
    assert sqlstate(refused.value) == DENIED


def test_g5_without_a_user_there_are_no_tasks_also_after_one_had_been_set(
    tasks_engine: Engine, users: tuple[UUID, UUID]
) -> None:
    for user in (None, users[0], None):
        with transaction(tasks_engine, user) as session:
            assert session.scalar(select(func.count()).select_from(Task)) == (0 if user is None else 1)


def test_g5_no_function_may_delete_tasks_but_housekeeping_which_sees_only_the_trash(
    api: Api, users: tuple[UUID, UUID]
) -> None:
    api.rows("UPDATE tasks SET deleted_at = now() WHERE user_id = :user", user=users[0])
    engine = api.database.engine("housekeeping")
    with transaction(engine) as session:
        session.execute(delete(Task))
    engine.dispose()
    assert [title for (title,) in api.rows("SELECT title FROM tasks")] == ["Bob's"]


def test_g5_the_digest_reads_all_tasks_and_writes_none(api: Api, users: tuple[UUID, UUID]) -> None:
    engine = api.database.engine("nightly_digest")
    with transaction(engine) as session:
        assert session.scalar(select(func.count()).select_from(Task)) == 2
    for statement in (
        "UPDATE tasks SET title = 'x'",
        "DELETE FROM tasks",
        "INSERT INTO tasks SELECT * FROM tasks",
        "UPDATE users SET email = 'x'",
        "DELETE FROM users",
    ):
        with pytest.raises(DBAPIError) as refused, transaction(engine) as session:
            session.execute(text(statement))
        assert sqlstate(refused.value) == DENIED
    engine.dispose()


def test_g5_the_owner_is_bound_too_and_nobody_may_bypass(api: Api, users: tuple[UUID, UUID]) -> None:
    assert api.rows("SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = 'tasks'") == [
        (True, True)
    ]
    prefix = f"{api.database.role_prefix}_%"
    assert api.rows("SELECT bool_or(rolbypassrls OR rolsuper) FROM pg_roles WHERE rolname LIKE :p", p=prefix) == [
        (False,)
    ]
    for (policy,) in api.rows("SELECT policyname FROM pg_policies WHERE policyname <> 'tasks_of_their_user'"):
        api.rows(f"DROP POLICY {policy} ON tasks")
    assert api.rows("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == [(False,)]
    assert api.rows("SELECT * FROM tasks") == []


def test_g5_a_user_id_is_taken_as_text_and_not_as_sql(tasks_engine: Engine, users: tuple[UUID, UUID]) -> None:
    with transaction(tasks_engine, uuid4()) as session:
        assert session.scalar(select(func.count()).select_from(Task)) == 0


@pytest.mark.parametrize(
    ("function", "table"),
    [
        ("tasks", "users"),
        ("tasks", "refresh_tokens"),
        ("auth", "tasks"),
        ("outbox_relay", "tasks"),
        ("outbox_relay", "users"),
        ("mail_sender", "users"),
        ("mail_sender", "outbox"),
        ("mail_sender", "tasks"),
        ("housekeeping", "users"),
        ("tasks", "outbox"),
        ("auth", "alembic_version"),
    ],
)
def test_a_role_reads_nothing_that_its_function_does_not_need(api: Api, function: str, table: str) -> None:
    engine = api.database.engine(function)
    with pytest.raises(DBAPIError) as refused, transaction(engine) as session:
        session.execute(text(f"SELECT * FROM {table}"))
    assert sqlstate(refused.value) == DENIED
    engine.dispose()
