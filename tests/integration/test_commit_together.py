"""G1: a change and its event are committed together, or neither is; and G6's word on what a leak would give away."""

from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest

from integration.api import PASSWORD, Account, Api
from taskflow import outbox

Act = Callable[[Api, Account, dict[str, Any]], Any]

ACTS: dict[str, Act] = {
    "create": lambda api, who, task: api.tasks.post("/tasks", json={"title": "x"}, headers=who.headers),
    "edit": lambda api, who, task: api.tasks.patch(f"/tasks/{task['id']}", json={"title": "x"}, headers=who.headers),
    "complete": lambda api, who, task: api.tasks.patch(
        f"/tasks/{task['id']}", json={"done": True}, headers=who.headers
    ),
    "delete": lambda api, who, task: api.tasks.delete(f"/tasks/{task['id']}", headers=who.headers),
    "register": lambda api, who, task: api.auth.post(
        "/auth/register", json={"email": "bob@example.com", "password": PASSWORD}
    ),
    "leave": lambda api, who, task: api.auth.request("DELETE", "/me", json={"password": PASSWORD}, headers=who.headers),
}
STATE = "SELECT users::text, tasks::text FROM users LEFT JOIN tasks ON tasks.user_id = users.id ORDER BY 1, 2"


@pytest.mark.parametrize("act", ACTS)
def test_g1_a_change_whose_event_cannot_be_written_is_not_made(api: Api, act: str) -> None:
    account = api.account()
    task = api.task(account)
    before = api.rows(STATE)
    api.rows("ALTER TABLE outbox ADD CONSTRAINT full_now CHECK (id < 0) NOT VALID")
    assert ACTS[act](api, account, task).status_code == 500
    assert api.rows(STATE) == before


@pytest.mark.parametrize("act", ACTS)
def test_g1_an_event_whose_change_is_not_committed_is_not_written(api: Api, act: str) -> None:
    account = api.account()
    task = api.task(account)
    before = api.types()

    def add_and_die(*arguments: Any, **options: Any) -> None:
        add(*arguments, **options)
        raise RuntimeError("died before the commit")

    add = outbox.add
    with mock.patch.object(outbox, "add", add_and_die):
        assert ACTS[act](api, account, task).status_code == 500
    assert api.types() == before


@pytest.mark.parametrize("act", ACTS)
def test_g1_a_change_that_is_answered_has_left_exactly_one_event(api: Api, act: str) -> None:
    account = api.account()
    task = api.task(account)
    before = len(api.events())
    assert ACTS[act](api, account, task).is_success
    assert len(api.events()) == before + 1


def test_g1_the_task_is_locked_before_its_event_gets_its_place(api: Api) -> None:
    """Otherwise the outbox's order would not be the order of the commits."""
    account = api.account()
    task = api.task(account)
    api.rows("CREATE TABLE seen (version int)")
    api.rows("GRANT INSERT ON seen TO PUBLIC")
    api.rows(
        "CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "INSERT INTO seen SELECT version FROM tasks; RETURN NEW; END $$"
    )
    api.rows("CREATE TRIGGER look BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION look()")
    ACTS["edit"](api, account, task)
    assert api.rows("SELECT version FROM seen") == [(2,)]
