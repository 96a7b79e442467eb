"""What can happen to a task. Each change locks its row, counts the version up, and tells of itself in the outbox."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from taskflow import outbox
from taskflow.database import violates
from taskflow.events import (
    Event,
    TaskCompleted,
    TaskCreated,
    TaskDeleted,
    TaskReopened,
    TaskRestored,
    TaskUpdated,
)
from taskflow.problems import NotFound, Unauthenticated
from taskflow.tables import Task
from tasks.etags import check_if_match
from tasks.schemas import NewTask, TaskChange

TRASH_LIFETIME = timedelta(days=30)


def create(session: Session, user_id: UUID, new: NewTask, now: datetime, traceparent: str) -> Task:
    """Add a task; Unauthenticated if the account behind the token is gone."""
    task = Task(
        id=uuid4(),
        user_id=user_id,
        title=new.title,
        notes=new.notes,
        due_on=new.due_on,
        done=False,
        done_at=None,
        created_at=now,
        updated_at=now,
        deleted_at=None,
        version=1,
    )
    session.add(task)
    try:
        session.flush()
    except DBAPIError as error:
        if violates(error, "tasks_user_id_fkey"):
            raise Unauthenticated("The account is gone.") from None
        raise
    event = TaskCreated(event_id=uuid4(), occurred_at=now, user_id=user_id, task_id=task.id, title=task.title)
    outbox.add(session, event, traceparent=traceparent)
    return task


def get(session: Session, user_id: UUID, task_id: UUID, *, lock: bool = False) -> Task:
    """A task of the user's that is not in the trash, or NotFound."""
    task = _find(session, user_id, task_id, lock=lock)
    if task.deleted_at is not None:
        raise NotFound
    return task


def change(
    session: Session,
    user_id: UUID,
    task_id: UUID,
    wanted: TaskChange,
    *,
    if_match: str | None,
    now: datetime,
    traceparent: str,
) -> Task:
    """Change what was given; a change that changes nothing has neither a new version nor an event."""
    task = get(session, user_id, task_id, lock=True)
    check_if_match(if_match, task.version)
    edited = _edit(task, wanted)
    turned = wanted.done is not None and wanted.done != task.done
    if turned:
        task.done = not task.done
        task.done_at = now if task.done else None
    if edited or turned:
        _count_up(task, now)
    if edited:
        event = TaskUpdated(event_id=uuid4(), occurred_at=now, user_id=user_id, task_id=task.id, title=task.title)
        outbox.add(session, event, traceparent=traceparent)
    if turned:
        _tell(session, TaskCompleted if task.done else TaskReopened, task, now, traceparent)
    return task


def move_to_trash(
    session: Session, user_id: UUID, task_id: UUID, *, if_match: str | None, now: datetime, traceparent: str
) -> None:
    """Delete a task such that it can be restored."""
    task = get(session, user_id, task_id, lock=True)
    check_if_match(if_match, task.version)
    task.deleted_at = now
    _count_up(task, now)
    _tell(session, TaskDeleted, task, now, traceparent)


def restore(session: Session, user_id: UUID, task_id: UUID, now: datetime, traceparent: str) -> Task:
    """Take a task back from the trash within its 30 days; one that is not in there is given as it is."""
    task = _find(session, user_id, task_id, lock=True)
    if task.deleted_at is None:
        return task
    if task.deleted_at + TRASH_LIFETIME <= now:
        raise NotFound
    task.deleted_at = None
    _count_up(task, now)
    _tell(session, TaskRestored, task, now, traceparent)
    return task


def _find(session: Session, user_id: UUID, task_id: UUID, *, lock: bool) -> Task:
    query = select(Task).where(Task.id == task_id, Task.user_id == user_id)
    task = session.scalar(query.with_for_update() if lock else query)
    if task is None:
        raise NotFound
    return task


def _edit(task: Task, wanted: TaskChange) -> bool:
    """Set title, notes and due date where given; whether one of them is another now."""
    given = {name: getattr(wanted, name) for name in ("title", "notes", "due_on") if name in wanted.model_fields_set}
    different = {name: value for name, value in given.items() if getattr(task, name) != value}
    for name, value in different.items():
        setattr(task, name, value)
    return bool(different)


def _count_up(task: Task, now: datetime) -> None:
    task.version += 1
    task.updated_at = now


def _tell(
    session: Session,
    kind: type[TaskCompleted | TaskReopened | TaskDeleted | TaskRestored],
    task: Task,
    now: datetime,
    traceparent: str,
) -> None:
    event: Event = kind(event_id=uuid4(), occurred_at=now, user_id=task.user_id, task_id=task.id)
    outbox.add(session, event, traceparent=traceparent)
