"""Poison on Kafka leaves by one of its two ways, and the partition moves on."""

import json
import time
import uuid
from typing import Any

import pytest
from sqlalchemy import text

from e2e.system import System
from e2e.user import User
from samlet.cluster import Record
from samlet.kafka_client import KafkaCluster
from waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]
WITHIN = 30.0


def publish(system: System, key: str, value: bytes) -> None:
    """Straight onto Kafka, as a producer that isn't ours might."""
    record = Record("events", 0, 0, 0, key.encode(), value)
    KafkaCluster(system.addresses["kafka"]).send("events", [record])


def digest(user: User, event_id: str, change: dict[str, Any] | None = None) -> bytes:
    event = {
        "event_id": event_id,
        "type": "email.daily_digest.requested",
        "occurred_at": "2026-11-21T00:00:00Z",
        "user_id": user.id,
        "email": user.email,
        "stats": {"total": 1, "done": 0, "undone": 1},
        "undone_titles": ["Buy bread"],
    }
    return json.dumps(event | (change or {})).encode()


@pytest.mark.parametrize(
    "change",
    [{"email": 7}, {"stats": None}, {"event_id": "not-a-uuid"}, {"type": "email.unheard_of"}, {"user_id": "\u0000"}],
)
def test_g8_an_invalid_mail_event_is_in_dead_letters_and_the_next_one_of_its_partition_is_sent(
    system: System, change: dict[str, Any]
) -> None:
    user = User(system)
    started = time.monotonic()
    publish(system, user.id, digest(user, str(uuid.uuid4()), change))
    publish(system, user.id, b'{"type": "email.daily_digest.requested", "stats": ')
    publish(system, user.id, digest(user, str(uuid.uuid4())))

    eventually(lambda: len(system.mails(user.email)) == 1, timeout=WITHIN, every=0.2)
    assert time.monotonic() - started < WITHIN
    with system.database() as database:
        buried = database.scalar(text("SELECT count(*) FROM dead_letters WHERE key = :key"), {"key": user.id.encode()})
    assert buried == 1, "the broken JSON never reached the function: the mapping's filter skips it, as on AWS"


def test_g8_an_event_that_fails_every_time_is_on_events_dead_within_30_s_and_its_partition_moves_on(
    system: System,
) -> None:
    user, poison = User(system), str(uuid.uuid4())
    with system.database() as database:
        database.execute(
            text(f"""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
              IF NEW.event_id = '{poison}' THEN RAISE EXCEPTION 'refused for good'; END IF; RETURN NEW; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON processed_events FOR EACH ROW EXECUTE FUNCTION refuse()""")
        )
    try:
        publish(system, user.id, digest(user, poison))
        publish(system, user.id, digest(user, str(uuid.uuid4())))

        def dead() -> bool:
            records = json.loads(system.samlet("events", "--json", "--topic", "events.dead"))
            return any(record["value"].get("event_id") == poison for record in records)

        eventually(dead, timeout=WITHIN, every=0.2)
        eventually(lambda: len(system.mails(user.email)) == 1, timeout=WITHIN, every=0.2)
    finally:
        with system.database() as database:
            database.execute(text("DROP FUNCTION refuse CASCADE"))
