"""Events wait here, in the database, until the relay has published them.

`add` puts an event into the transaction that makes the change it tells of, so both are committed or neither is. It
writes out the session's other changes *first*: the row lock on the aggregate is then taken before the outbox row gets
its id, so that for one task the ids follow the commits, and the relay may publish in the order of the ids. (The unit of
work by itself would insert the outbox row before it updates the task: measured, that loses the order.)
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from taskflow import clock, events, tables, traces

SOURCE = "/taskflow"
CONTENT_TYPE = "application/json; charset=utf-8"


def add(session: Session, event: events.Event, *, traceparent: str | None = None) -> None:
    """Write the event into the session's transaction; EventTooLarge if it is above the limit.

    The event goes on with the trace that is given; without one it begins its own.
    """
    add_all(session, [event], traceparent=traceparent)


def add_all(session: Session, batch: Sequence[events.Event], *, traceparent: str | None = None) -> list[str]:
    """The same for many events, in their order and in one statement; returns the traceparent of each."""
    rows = [_row(event, traceparent) for event in batch]
    session.flush()
    if rows:
        session.execute(insert(tables.Outbox).inline().values(rows))  # no RETURNING: a writer may not read
    return [row["headers"]["traceparent"] for row in rows]


def _row(event: events.Event, traceparent: str | None) -> dict[str, Any]:
    attributes = traces.message_attributes("create", event.topic, str(event.event_id)) | {
        "cloudevents.event_type": event.type
    }
    cause = traces.current() if traceparent is None else None
    links = [cause] if cause else []
    name = f"create {event.topic}"
    with traces.span(name, "producer", parent=traceparent, links=links, attributes=attributes) as span:
        return {
            "event_id": event.event_id,
            "topic": event.topic,
            "key": event.key,
            "type": event.type,
            "payload": events.serialize(event).decode(),
            "headers": headers(event, span.traceparent or traces.new_traceparent()),
        }


def headers(event: events.Event, traceparent: str) -> dict[str, str]:
    """The event's CloudEvents attributes, as Kafka's binary content mode wants them, and the trace it belongs to."""
    return {
        "ce_id": str(event.event_id),
        "ce_type": event.type,
        "ce_source": SOURCE,
        "ce_time": clock.rfc3339(event.occurred_at),
        "ce_specversion": "1.0",
        "content-type": CONTENT_TYPE,
        "traceparent": traceparent,
    }
