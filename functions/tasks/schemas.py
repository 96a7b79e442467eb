"""The bodies of the task list."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, PlainSerializer

from taskflow import tables
from taskflow.clock import rfc3339
from taskflow.text import Body, Change, Day, Notes, Title

Moment = Annotated[AwareDatetime, PlainSerializer(rfc3339, return_type=str)]


class NewTask(Body):
    title: Title
    notes: Notes | None = None
    due_on: Day | None = None


class TaskChange(Body):
    """What is absent stays as it is; null empties notes and due_on, and is an error elsewhere."""

    title: Change[Title] = None
    notes: Notes | None = None
    done: Change[bool] = None
    due_on: Day | None = None


class Task(BaseModel):
    id: UUID
    title: str
    notes: str | None
    done: bool
    done_at: Moment | None
    due_on: date | None
    created_at: Moment
    updated_at: Moment
    version: int

    @classmethod
    def of(cls, row: tables.Task) -> "Task":
        """A stored task as its owner sees it."""
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class TaskPage(BaseModel):
    items: list[Task]
    next_cursor: str | None
