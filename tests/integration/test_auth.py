"""Accounts and tokens over HTTP, as docs/contracts/rest says."""

from typing import Any

import pytest

from integration.api import PASSWORD, Api


def register(api: Api, **fields: Any) -> Any:
    return api.auth.post("/auth/register", json={"email": "ann@example.com", "password": PASSWORD} | fields)


def login(api: Api, email: str = "ann@example.com", password: str = PASSWORD) -> Any:
    return api.auth.post("/auth/login", json={"email": email, "password": password})


def test_a_registered_user_is_answered_with_the_defaults(api: Api) -> None:
    answer = register(api)
    assert answer.status_code == 201
    user = answer.json()
    assert user == {
        "id": user["id"],
        "email": "ann@example.com",
        "created_at": "2026-03-10T12:00:00Z",
        "timezone": "UTC",
        "locale": "en",
        "digest": {"enabled": True, "time": "00:00", "skip_empty": False},
    }
    assert api.types() == ["user.registered"]


def test_an_address_is_taken_whatever_the_case_of_its_letters(api: Api) -> None:
    register(api)
    answer = register(api, email="ANN@Example.com")
    assert (answer.status_code, answer.json()["code"]) == (409, "email_taken")
    assert answer.headers["content-type"] == "application/problem+json"
    assert api.types() == ["user.registered"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", " ann@example.com"),
        ("email", "ann@example.com "),
        ("email", "ann@exa mple.com"),
        ("email", "ann\u0000@example.com"),
        ("email", "ann\n@example.com"),
        ("email", "ann"),
        ("email", "a..b@example.com"),
        ("email", "a@" + "b" * 300),
        ("password", "short"),
        ("password", "x" * 257),
        ("password", "Password123"),
        ("password", 12345678),
        ("timezone", "Mars/Olympus"),
        ("timezone", None),
        ("locale", "english"),
        ("id", "x"),
    ],
)
def test_a_registration_that_is_not_valid_names_its_field(api: Api, field: str, value: Any) -> None:
    answer = register(api, **{field: value})
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["code"] == "invalid_request"
    assert [error["field"] for error in problem["errors"]] == [f"body.{field}"]
    assert api.types() == []


def test_a_login_gives_tokens_that_open_the_own_account(api: Api) -> None:
    account = api.account()
    answer = login(api, "ANN@EXAMPLE.COM")
    assert answer.status_code == 200
    assert answer.json().keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert answer.headers["cache-control"] == "no-store"
    me = api.auth.get("/me", headers={"Authorization": f"Bearer {answer.json()['access_token']}"})
    assert me.json()["id"] == account.id


def test_g6_a_failed_login_says_the_same_whether_the_account_exists_or_not(api: Api) -> None:
    register(api)
    known, unknown = login(api, password="wrong password"), login(api, "bob@example.com", "wrong password")
    assert known.status_code == unknown.status_code == 401
    assert known.json() | {"request_id": ""} == unknown.json() | {"request_id": ""}
    assert known.json()["code"] == "invalid_credentials"
    names = {"x-request-id", "content-length"}
    assert {k: v for k, v in known.headers.items() if k not in names} == {
        k: v for k, v in unknown.headers.items() if k not in names
    }


def test_ten_failures_of_an_account_close_it_for_the_rest_of_the_window(api: Api) -> None:
    register(api)
    for _ in range(10):
        assert login(api, password="wrong password").status_code == 401
        api.clock.advance(seconds=10)
    answer = login(api)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_attempts")
    assert answer.headers["retry-after"] == "800"
    assert login(api, "bob@example.com").status_code == 401
    api.clock.advance(seconds=801)
    assert login(api).status_code == 200


def test_accounts_that_do_not_exist_are_throttled_just_the_same(api: Api) -> None:
    answers = [login(api, "nobody@example.com").status_code for _ in range(11)]
    assert answers == [401] * 10 + [429]


def test_a_hundred_failures_of_an_address_close_it(api: Api) -> None:
    for number in range(100):
        assert login(api, f"user{number}@example.com").status_code == 401
    assert login(api, "user100@example.com").status_code == 429


def test_a_login_that_succeeds_is_not_counted(api: Api) -> None:
    register(api)
    assert [login(api).status_code for _ in range(12)] == [200] * 12
    assert api.rows("SELECT * FROM login_failures") == []


def test_a_refresh_token_works_once_and_its_reuse_ends_the_family(api: Api) -> None:
    account = api.account()
    first = api.auth.post("/auth/refresh", json={"refresh_token": account.refresh_token})
    assert first.status_code == 200
    again = api.auth.post("/auth/refresh", json={"refresh_token": account.refresh_token})
    assert (again.status_code, again.json()["code"]) == (401, "unauthenticated")
    assert "WWW-Authenticate" in again.headers
    heir = api.auth.post("/auth/refresh", json={"refresh_token": first.json()["refresh_token"]})
    assert heir.status_code == 401


def test_another_login_outlives_the_reuse_of_a_token(api: Api) -> None:
    account = api.account()
    other = login(api).json()["refresh_token"]
    for _ in range(2):
        api.auth.post("/auth/refresh", json={"refresh_token": account.refresh_token})
    assert api.auth.post("/auth/refresh", json={"refresh_token": other}).status_code == 200


def test_a_refresh_token_ends_after_thirty_days(api: Api) -> None:
    account = api.account()
    api.clock.advance(days=30)
    assert api.auth.post("/auth/refresh", json={"refresh_token": account.refresh_token}).status_code == 401


def test_logging_out_ends_the_login_and_never_complains(api: Api) -> None:
    account = api.account()
    for token in (account.refresh_token, account.refresh_token, "unknown"):
        assert api.auth.post("/auth/logout", json={"refresh_token": token}).status_code == 204
    assert api.auth.post("/auth/refresh", json={"refresh_token": account.refresh_token}).status_code == 401


def test_an_access_token_ends_after_fifteen_minutes(api: Api) -> None:
    account = api.account()
    api.clock.advance(minutes=15)
    answer = api.auth.get("/me", headers=account.headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_g6_no_password_or_token_is_stored_as_it_is(api: Api) -> None:
    account = api.account()
    dump = "".join(
        str(api.rows(f"SELECT {table}::text FROM {table}"))
        for table in ("users", "refresh_tokens", "login_failures", "outbox")
    )
    assert "ann@example.com" in dump
    for secret in (PASSWORD, account.refresh_token, account.access_token):
        assert secret not in dump
        assert secret.encode().hex() not in dump


def test_a_password_is_hashed_again_when_the_cost_has_changed(api: Api) -> None:
    register(api)
    app: Any = api.auth.app
    services = app.state.services
    from dataclasses import replace

    app.state.services = replace(services, passwords=replace(services.passwords, cost=5))
    assert login(api).status_code == 200
    [(stored,)] = api.rows("SELECT password_hash FROM users")
    assert stored.startswith("$2b$05$")
    assert login(api).status_code == 200
