"""Dead events get another chance; a mail that is out does not."""

from uuid import UUID, uuid4

import pytest

from integration.api import Api
from integration.test_migrate import environment
from lambda_context import LambdaContext
from migrate import handler as door
from migrate.redrive import InvalidRedrive, redrive


def kill(api: Api) -> UUID:
    """A dead event in the outbox."""
    api.account()
    ((event,),) = api.rows(
        "UPDATE outbox SET dead_at = now(), attempts = 6, last_error = 'too large' RETURNING event_id"
    )
    return UUID(str(event))


def waiting(api: Api) -> list[UUID]:
    rows = api.rows("SELECT event_id FROM outbox WHERE published_at IS NULL AND dead_at IS NULL AND attempts = 0")
    return [event for (event,) in rows]


def test_all_dead_events_are_revived_by_the_functions_door(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    event = kill(api)
    for name, value in environment(api.database).items():
        monkeypatch.setenv(name, value)
    assert waiting(api) == []
    assert door.handler({"redrive": "dead"}, LambdaContext()) == {"redriven": 1, "gone": []}
    assert waiting(api) == [event]
    assert door.handler({"redrive": "dead"}, LambdaContext()) == {"redriven": 0, "gone": []}


@pytest.mark.parametrize(("state", "stays"), [("sent", True), ("claimed", True), ("unknown", False), ("failed", False)])
def test_a_named_event_is_published_anew_and_its_mail_only_where_none_went_out(
    api: Api, state: str, stays: bool
) -> None:
    event, stranger = kill(api), uuid4()
    api.rows("UPDATE outbox SET published_at = now(), dead_at = NULL")
    api.rows("INSERT INTO processed_events (event_id, state) VALUES (:event, :state)", event=event, state=state)
    engine = api.database.admin_engine()
    assert redrive(engine, [str(event), str(stranger)]) == {"redriven": 1, "gone": [str(stranger)]}
    assert waiting(api) == [event]
    assert bool(api.rows("SELECT 1 FROM processed_events")) is stays


@pytest.mark.parametrize("wanted", [None, "everything", [], ["no id"], {}])
def test_what_makes_no_sense_is_refused(api: Api, wanted: object) -> None:
    with pytest.raises(InvalidRedrive):
        redrive(api.database.admin_engine(), wanted)
