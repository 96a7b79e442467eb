"""Register, keep a list, get one digest: the whole way through outbox, Kafka and mail."""

from typing import Any

import jsonschema
import pytest

from e2e.contract import event_schema
from e2e.system import System
from e2e.user import User
from waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


def test_a_day_ends_with_exactly_one_mail_with_the_right_counts_and_titles(system: System) -> None:
    user = User(system)
    tasks = [user.add(title) for title in ("Buy bread", "Call Ann", "Päckchen für Zoë <b>packen</b>")]
    user.complete(tasks[0])

    system.samlet("schedule", "run", system.schedule("digest"), "--at", user.next_midnight())
    [mail] = eventually(lambda: system.mails(user.email), timeout=30, every=0.2)

    assert "3" in mail["text"]
    assert "Call Ann" in mail["text"]
    assert "Päckchen für Zoë <b>packen</b>" in mail["text"]
    assert "Buy bread" not in mail["text"]
    assert "&lt;b&gt;packen&lt;/b&gt;" in mail["html"]

    system.samlet("schedule", "run", system.schedule("digest"), "--at", user.next_midnight())
    marker = User(system)
    system.samlet("schedule", "run", system.schedule("digest"), "--at", marker.next_midnight())
    eventually(lambda: system.mails(marker.email), timeout=30, every=0.2)
    assert len(system.mails(user.email)) == 1, "the same slot again sends nothing"


def test_events_on_kafka_equal_the_contract_in_order(system: System) -> None:
    user = User(system)
    first, second = user.add("one"), user.add("two")
    user.complete(first)
    user.client.patch(f"/tasks/{first['id']}", json={"done": False})
    user.client.patch(f"/tasks/{second['id']}", json={"title": "deux"})
    user.client.delete(f"/tasks/{second['id']}")
    user.client.post(f"/tasks/{second['id']}/restore")

    expected = [
        "user.registered", "task.created", "task.created", "task.completed",
        "task.reopened", "task.updated", "task.deleted", "task.restored",
    ]  # fmt: skip

    def arrived() -> list[dict[str, Any]]:
        records = [*system.events(user.id)]
        return records if len(records) >= len(expected) else []

    records = eventually(arrived, timeout=60, every=0.2)

    assert [record["value"]["type"] for record in records] == expected
    assert len({record["partition"] for record in records}) == 1
    for record in records:
        jsonschema.validate(record["value"], event_schema(record["value"]["type"]))
        assert record["topic"] == "events"
        assert record["value"]["user_id"] == record["key"] == user.id
        assert record["headers"]["ce_id"] == record["value"]["event_id"]
        assert record["headers"]["ce_type"] == record["value"]["type"]
    created = records[1]["value"]
    assert created["title"] == "one"
    assert set(created) == {"event_id", "type", "occurred_at", "user_id", "task_id", "title"}


def test_a_failed_schedule_run_fails(system: System) -> None:
    out = system.samlet("schedule", "run", "no-such-schedule", check=False)
    assert out == ""


def test_schedule_list_prints_one_line_a_schedule_name_first(system: System) -> None:
    lines = system.samlet("schedule", "list").splitlines()
    assert any("digest" in line.split()[0] for line in lines)
    assert all("…" not in line for line in lines)
