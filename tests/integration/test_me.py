"""The own account over HTTP: reading, changing, deleting."""

from datetime import UTC, datetime
from typing import Any

import pytest

from integration.api import PASSWORD, Account, Api


def change(api: Api, account: Account, body: dict[str, Any]) -> Any:
    return api.auth.patch("/me", json=body, headers=account.headers)


def plan(api: Api) -> list[datetime]:
    return [moment.astimezone(UTC) for (moment,) in api.rows("SELECT next_digest_at FROM digest_schedule")]


def at(day: int, hour: int, minute: int = 0) -> list[datetime]:
    return [datetime(2026, 3, day, hour, minute, tzinfo=UTC)]


def test_the_first_digest_is_due_at_the_next_local_midnight(api: Api) -> None:
    body = {"email": "ann@example.com", "password": PASSWORD, "timezone": "Asia/Kolkata", "locale": "en-IN"}
    assert api.auth.post("/auth/register", json=body).json()["timezone"] == "Asia/Kolkata"
    assert plan(api) == at(10, 18, 30)


def test_a_change_of_zone_time_or_wish_plans_the_digest_anew(api: Api) -> None:
    account = api.account()
    assert plan(api) == at(11, 0)
    assert change(api, account, {"timezone": "Europe/Berlin"}).json()["timezone"] == "Europe/Berlin"
    assert plan(api) == at(10, 23)
    answer = change(api, account, {"digest": {"time": "21:15", "skip_empty": True}})
    assert answer.json()["digest"] == {"enabled": True, "time": "21:15", "skip_empty": True}
    assert plan(api) == at(10, 20, 15)
    change(api, account, {"digest": {"enabled": False}})
    assert plan(api) == []
    change(api, account, {"locale": "de", "digest": {"time": "09:00"}})
    assert plan(api) == []
    change(api, account, {"digest": {"enabled": True}})
    assert plan(api) == at(11, 8)


def test_a_digest_that_is_overdue_is_not_lost_by_a_change(api: Api) -> None:
    account = api.account()
    api.rows("UPDATE digest_schedule SET next_digest_at = '2026-03-10T11:45:00Z'")
    change(api, account, {"timezone": "Europe/Berlin"})
    assert plan(api) == at(10, 11, 45)


def test_what_does_not_concern_the_digest_leaves_its_plan_alone(api: Api) -> None:
    account = api.account()
    api.clock.advance(minutes=6)
    changed = change(api, account, {"locale": "pt-BR"}).json()
    assert (changed["locale"], changed["timezone"]) == ("pt-BR", "UTC")
    assert change(api, account, {}).json() == changed
    assert plan(api) == at(11, 0)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"timezone": None}, "timezone"),
        ({"timezone": "Europe/berlin"}, "timezone"),
        ({"locale": "EN"}, "locale"),
        ({"digest": None}, "digest"),
        ({"digest": {"time": None}}, "digest.time"),
        ({"digest": {"time": "24:00"}}, "digest.time"),
        ({"digest": {"time": "9:00"}}, "digest.time"),
        ({"digest": {"time": 900}}, "digest.time"),
        ({"digest": {"enabled": "yes"}}, "digest.enabled"),
        ({"digest": {"hour": 1}}, "digest.hour"),
        ({"email": "bob@example.com"}, "email"),
        ({"id": "1"}, "id"),
    ],
)
def test_a_change_that_is_not_valid_names_its_field(api: Api, body: dict[str, Any], field: str) -> None:
    answer = change(api, api.account(), body)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [f"body.{field}"]


def test_g1_deleting_the_account_deletes_its_data_and_says_so(api: Api) -> None:
    ann, bob = api.account(), api.account("bob@example.com")
    api.task(ann)
    kept = api.task(bob)
    answer = api.auth.request("DELETE", "/me", json={"password": PASSWORD}, headers=ann.headers)
    assert answer.status_code == 204
    assert answer.content == b""
    assert api.events()[-1].keys() == {"event_id", "type", "occurred_at", "user_id"}
    assert (api.types()[-1], api.events()[-1]["user_id"]) == ("user.deleted", ann.id)
    for table in ("tasks", "refresh_tokens", "digest_schedule"):
        assert {str(owner) for (owner,) in api.rows(f"SELECT user_id FROM {table}")} == {bob.id}
    assert [str(identifier) for (identifier,) in api.rows("SELECT id FROM tasks")] == [kept["id"]]
    assert api.auth.get("/me", headers=ann.headers).status_code == 401
    assert api.auth.post("/auth/refresh", json={"refresh_token": ann.refresh_token}).status_code == 401


def test_deleting_the_account_needs_its_password_and_counts_as_a_login(api: Api) -> None:
    account = api.account()

    def delete(password: str) -> Any:
        return api.auth.request("DELETE", "/me", json={"password": password}, headers=account.headers)

    answers = [delete("wrong password") for _ in range(10)]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(401, "invalid_credentials")}
    assert delete(PASSWORD).status_code == 429
    assert api.auth.get("/me", headers=account.headers).status_code == 200


def test_nobody_is_known_without_a_token(api: Api) -> None:
    for headers in ({}, {"Authorization": "Bearer"}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer \xff"}):
        answer = api.auth.get("/me", headers={k: v.encode("latin-1") for k, v in headers.items()})
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
        assert answer.headers["www-authenticate"].startswith("Bearer")
