"""The HTTP face of the task list: parse, call one use case, shape the answer."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response

from taskflow.database import transaction
from taskflow.identity import CurrentUser, Traceparent
from taskflow.pages import DEFAULT_LIMIT, MAX_LIMIT
from tasks import changes
from tasks.etags import etag_of
from tasks.listing import list_tasks
from tasks.schemas import NewTask, Task, TaskChange, TaskPage
from tasks.wiring import Wired

router = APIRouter(tags=["tasks"])

IfMatch = Annotated[str | None, Header(description="The ETag that is expected; 412 if the task has another one.")]


@router.get("/tasks")
async def get_tasks(
    user_id: CurrentUser,
    services: Wired,
    done: Annotated[bool | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
) -> TaskPage:
    """List the own tasks, newest first."""
    after = None if cursor is None else services.cursors.read(cursor, user_id)
    with transaction(services.engine, user_id) as session:
        page = list_tasks(session, user_id, done=done, limit=limit, after=after)
    following = None if page.last is None else services.cursors.write(page.last, user_id)
    return TaskPage(items=[Task.of(row) for row in page.tasks], next_cursor=following)


@router.post("/tasks", status_code=201)
async def create_task(
    body: NewTask, user_id: CurrentUser, services: Wired, traceparent: Traceparent, response: Response
) -> Task:
    """Add a task."""
    with transaction(services.engine, user_id) as session:
        task = changes.create(session, user_id, body, services.clock(), traceparent)
    response.headers["Location"] = f"/tasks/{task.id}"
    return _tagged(Task.of(task), response)


@router.get("/tasks/{task_id}")
async def get_task(task_id: UUID, user_id: CurrentUser, services: Wired, response: Response) -> Task:
    """Read a task."""
    with transaction(services.engine, user_id) as session:
        task = Task.of(changes.get(session, user_id, task_id))
    return _tagged(task, response)


@router.patch("/tasks/{task_id}")
async def change_task(
    task_id: UUID,
    body: TaskChange,
    user_id: CurrentUser,
    services: Wired,
    traceparent: Traceparent,
    response: Response,
    if_match: IfMatch = None,
) -> Task:
    """Change a task, if it still is what the caller thinks."""
    with transaction(services.engine, user_id) as session:
        task = changes.change(
            session, user_id, task_id, body, if_match=if_match, now=services.clock(), traceparent=traceparent
        )
    return _tagged(Task.of(task), response)


@router.delete("/tasks/{task_id}", status_code=204)
async def delete_task(
    task_id: UUID, user_id: CurrentUser, services: Wired, traceparent: Traceparent, if_match: IfMatch = None
) -> None:
    """Move a task to the trash, where it stays for 30 days."""
    with transaction(services.engine, user_id) as session:
        changes.move_to_trash(
            session, user_id, task_id, if_match=if_match, now=services.clock(), traceparent=traceparent
        )


@router.post("/tasks/{task_id}/restore")
async def restore_task(
    task_id: UUID, user_id: CurrentUser, services: Wired, traceparent: Traceparent, response: Response
) -> Task:
    """Take a task back from the trash."""
    with transaction(services.engine, user_id) as session:
        task = Task.of(changes.restore(session, user_id, task_id, services.clock(), traceparent))
    return _tagged(task, response)


def _tagged(task: Task, response: Response) -> Task:
    response.headers["ETag"] = etag_of(task.version)
    return task
