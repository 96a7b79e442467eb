"""Gives events another chance, once the cause of their death is mended; the relay publishes them anew.

`{"redrive": "dead"}` takes every dead row of the outbox, `{"redrive": ["<event id>", …]}` these events, also ones that
were published (their attempts to be consumed are used up, and they lie on `events.dead`). Whoever names an event whose
mail is `unknown` has made sure that it did not arrive. A mail that is known to be out is never sent again.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, delete, select, update

from taskflow.database import transaction
from taskflow.tables import Outbox, ProcessedEvent

DEAD = "dead"
_AGAIN = {"published_at": None, "attempts": 0, "next_attempt_at": None, "dead_at": None, "last_error": None}
_SETTLED = ("unknown", "failed", "suppressed")  # final, and not known to be out


class InvalidRedrive(Exception):
    """The event asks for something that can't be redriven."""


def redrive(engine: Engine, wanted: object) -> dict[str, Any]:
    """How many events are on their way again, and which of those named the outbox does not have any more."""
    if wanted == DEAD:
        return _every_dead_row(engine)
    if not isinstance(wanted, list) or not wanted:
        raise InvalidRedrive('"redrive" is "dead" or a list of event ids')
    try:
        return _these(engine, [UUID(str(one)) for one in wanted])
    except ValueError as error:
        raise InvalidRedrive("an event id is a UUID") from error


def _every_dead_row(engine: Engine) -> dict[str, Any]:
    with transaction(engine) as session:
        revived = session.execute(
            update(Outbox).where(Outbox.dead_at.is_not(None)).values(_AGAIN).returning(Outbox.event_id)
        )
        return {"redriven": len(revived.all()), "gone": []}


def _these(engine: Engine, events: Sequence[UUID]) -> dict[str, Any]:
    with transaction(engine) as session:
        here = set(session.scalars(select(Outbox.event_id).where(Outbox.event_id.in_(events)).with_for_update()))
        session.execute(
            delete(ProcessedEvent).where(ProcessedEvent.event_id.in_(here), ProcessedEvent.state.in_(_SETTLED)),
            execution_options={"synchronize_session": False},
        )
        session.execute(
            update(Outbox).where(Outbox.event_id.in_(here)).values(_AGAIN),
            execution_options={"synchronize_session": False},
        )
    return {"redriven": len(here), "gone": sorted(str(event) for event in set(events) - here)}
