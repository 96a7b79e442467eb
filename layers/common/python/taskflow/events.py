"""Every event that the service puts on Kafka, exactly as it is on the wire.

An event is an immutable fact: one flat JSON object in UTF-8, keyed by the user it belongs to. Fields may be added and
none removed or changed; readers ignore what they don't know. docs/contracts/events is generated from these models.

    EventError
    ├── EventTooLarge   the event is above MAX_BYTES, so it may not be written
    └── InvalidEvent    what was read is no event of ours, or what was written is not UTF-8
"""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal, get_args
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_json

TOPIC = "events"
DEAD_TOPIC = "events.dead"
MAX_BYTES = 256 * 1024
MAX_TITLES = 100


class EventError(Exception):
    """An event that can't be written or read."""


class EventTooLarge(EventError):
    def __init__(self, event_type: str, size: int) -> None:
        super().__init__(f"{event_type} has {size} bytes; an event may have {MAX_BYTES}")


class InvalidEvent(EventError):
    """The reason names fields and rules, never the values that were read: those may be personal."""


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Address = Annotated[str, Field(pattern=r"^[^\s\x00-\x1f\x7f@]+@[^\s\x00-\x1f\x7f@]+$", max_length=320)]
Count = Annotated[int, Field(ge=0)]


class Event(BaseModel):
    """What all events have in common; `strict`, so that "3" is not a number and a text is not a list."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="ignore", json_schema_serialization_defaults_required=True
    )

    topic: ClassVar[str] = TOPIC

    event_id: UUID
    type: str
    occurred_at: Moment
    user_id: UUID

    @property
    def key(self) -> str:
        """The Kafka key: events of one key keep their order."""
        return str(self.user_id)


class TaskCreated(Event):
    """A task was added to the list."""

    type: Literal["task.created"] = "task.created"
    task_id: UUID
    title: str


class TaskUpdated(Event):
    """A task's title, notes or due date were changed; the title is the one after the change."""

    type: Literal["task.updated"] = "task.updated"
    task_id: UUID
    title: str


class TaskCompleted(Event):
    """A task was marked as done."""

    type: Literal["task.completed"] = "task.completed"
    task_id: UUID


class TaskReopened(Event):
    """A task that was done is open again."""

    type: Literal["task.reopened"] = "task.reopened"
    task_id: UUID


class TaskDeleted(Event):
    """A task was moved to the trash."""

    type: Literal["task.deleted"] = "task.deleted"
    task_id: UUID


class TaskRestored(Event):
    """A task was taken back from the trash."""

    type: Literal["task.restored"] = "task.restored"
    task_id: UUID


class UserRegistered(Event):
    """An account was made; the address stays in the database."""

    type: Literal["user.registered"] = "user.registered"


class UserDeleted(Event):
    """An account and all its data are gone."""

    type: Literal["user.deleted"] = "user.deleted"


class DigestStats(BaseModel):
    """Counts over all of the user's tasks that are not in the trash."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    total: Count
    done: Count
    undone: Count


class DailyDigestRequested(Event):
    """A user's digest is due; the titles are the newest ones, newest first."""

    type: Literal["email.daily_digest.requested"] = "email.daily_digest.requested"
    email: Address
    stats: DigestStats
    undone_titles: Annotated[tuple[str, ...], Field(max_length=MAX_TITLES, strict=False)]


AnyEvent = (
    TaskCreated
    | TaskUpdated
    | TaskCompleted
    | TaskReopened
    | TaskDeleted
    | TaskRestored
    | UserRegistered
    | UserDeleted
    | DailyDigestRequested
)
REGISTRY: dict[str, type[Event]] = {model.model_fields["type"].default: model for model in get_args(AnyEvent)}
_reader: TypeAdapter[AnyEvent] = TypeAdapter(Annotated[AnyEvent, Field(discriminator="type")])


def serialize(event: Event) -> bytes:
    """The event as it goes on the wire: EventTooLarge above MAX_BYTES, InvalidEvent for a lone surrogate."""
    try:
        payload = to_json(event)
    except PydanticSerializationError:
        raise InvalidEvent(f"{event.type}: not UTF-8") from None
    if len(payload) > MAX_BYTES:
        raise EventTooLarge(event.type, len(payload))
    return payload


def parse(payload: str | bytes) -> AnyEvent:
    """The event that these bytes are, or InvalidEvent."""
    try:
        return _reader.validate_json(payload)
    except ValidationError as error:
        raise InvalidEvent("; ".join(_complaint(detail) for detail in error.errors())) from None


def _complaint(detail: Any) -> str:
    place = ".".join(str(part) for part in detail["loc"]) or "event"
    return f"{place}: {detail['type']}"
