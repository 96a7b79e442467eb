"""The list of tasks, newest first, a page at a time."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from taskflow.pages import Position
from taskflow.tables import Task


@dataclass(frozen=True)
class Page:
    """Some tasks, and where the next page starts if there is one."""

    tasks: list[Task]
    last: Position | None


def list_tasks(session: Session, user_id: UUID, *, done: bool | None, limit: int, after: Position | None) -> Page:
    """The user's tasks that are not in the trash; one row more is read to know whether there is a next page."""
    query = (
        select(Task)
        .where(Task.user_id == user_id, Task.deleted_at.is_(None))
        .order_by(Task.created_at.desc(), Task.id.desc())
        .limit(limit + 1)
    )
    if done is not None:
        query = query.where(Task.done == done)
    if after is not None:
        query = query.where(tuple_(Task.created_at, Task.id) < tuple_(after.created_at, after.id))
    rows = list(session.scalars(query))
    page = rows[:limit]
    return Page(page, Position(page[-1].created_at, page[-1].id) if len(rows) > limit else None)
