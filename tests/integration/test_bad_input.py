"""G8: bad input of any kind gets a clear 4xx, never a 5xx."""

import base64
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integration.api import Account, Api

JSON = {"content-type": "application/json"}
PLENTY = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.fixture
def account(api: Api) -> Account:
    return api.account()


def clear(answer: Any) -> bool:
    """Whether this is a documented refusal: 4xx, a problem, with a code."""
    return (
        400 <= answer.status_code < 500
        and answer.headers["content-type"] == "application/problem+json"
        and answer.json()["status"] == answer.status_code
        and bool(answer.json()["code"])
    )


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "malformed_body"),
        (b'{"title": "a"} x', 400, "malformed_body"),
        (b'{"title": "\xff\xfe"}', 400, "malformed_body"),
        (b'{"title": "\\ud800"}', 400, "malformed_body"),
        (b'{"\\udc00": 1, "title": "a"}', 400, "malformed_body"),
        (b'{"title": "a", "title": "b"}', 400, "malformed_body"),
        (b'{"title": NaN}', 400, "malformed_body"),
        (b'{"title": ' + b"9" * 5000 + b"}", 400, "malformed_body"),
        (b"[" * 100_000, 400, "malformed_body"),
        (b'{"title": ' + b"[" * 50 + b"]" * 50 + b"}", 400, "malformed_body"),
        (b'{"title": "a\x00b"}', 400, "malformed_body"),
        (b'{"title": "a\\u0000b"}', 422, "invalid_request"),
        (b'{"title": "a\\u001bb"}', 422, "invalid_request"),
        (b'{"title": "a\\nb"}', 422, "invalid_request"),
        (b'{"title": "a\\u2028b"}', 422, "invalid_request"),
        (b'{"title": "   "}', 422, "invalid_request"),
        (b'{"title": "' + b"x" * 501 + b'"}', 422, "invalid_request"),
        (b'{"title": "' + b"x" * 1_000_000 + b'"}', 413, "body_too_large"),
        (b'{"title": "a", "user_id": "b"}', 422, "invalid_request"),
        (b'{"title": "a", "notes": "\\u0000"}', 422, "invalid_request"),
        (b'{"title": "a", "notes": "' + b"n" * 10_001 + b'"}', 422, "invalid_request"),
        (b'{"title": "a", "due_on": "2026-02-30"}', 422, "invalid_request"),
        (b'{"title": "a", "due_on": 1}', 422, "invalid_request"),
        (b'{"title": "a", "due_on": "2026-12-31T00:00:00Z"}', 422, "invalid_request"),
        (b'{"title": 1}', 422, "invalid_request"),
        (b'{"title": null}', 422, "invalid_request"),
        (b"[]", 422, "invalid_request"),
        (b"null", 422, "invalid_request"),
        (b'"a"', 422, "invalid_request"),
        (b"", 422, "invalid_request"),
    ],
)
def test_g8_a_bad_body_is_refused_with_its_code(
    api: Api, account: Account, body: bytes, status: int, code: str
) -> None:
    answer = api.tasks.post("/tasks", content=body, headers=account.headers | JSON)
    assert clear(answer)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 201),
        ("Application/JSON; charset=UTF-8", 201),
        ("text/plain", 415),
        ("", 415),
        ("application/json; charset=utf-16", 415),
        ("multipart/form-data; boundary=x", 415),
    ],
)
def test_g8_only_json_in_utf8_is_read(api: Api, account: Account, content_type: str, status: int) -> None:
    headers = account.headers | {"content-type": content_type}
    answer = api.tasks.post("/tasks", content=b'{"title": "a"}', headers=headers)
    assert answer.status_code == status


def test_g8_a_token_that_is_not_ours_opens_nothing(api: Api, account: Account) -> None:
    now = api.clock()
    key, kid = next(iter(api.token_keys.keys.values())), next(iter(api.token_keys.keys))
    claims: dict[str, Any] = {
        "sub": account.id,
        "iat": now,
        "exp": now + timedelta(minutes=5),
        "iss": "taskflow",
        "aud": "taskflow-api",
        "jti": str(uuid4()),
    }
    head = {"kid": kid, "typ": "at+jwt"}

    def signed(changed: dict[str, Any], header: dict[str, Any] = head, by: bytes = key, how: str = "HS256") -> str:
        kept = {name: value for name, value in (claims | changed).items() if value is not None}
        return jwt.encode(kept, by, how, headers=header)

    def read(token: str) -> Any:
        return api.tasks.get("/tasks", headers={"Authorization": f"Bearer {token}"})

    assert read(signed({})).status_code == 200
    unsigned = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": "none", **head}, {"sub": account.id, "exp": 9e9})
    )
    forged = [
        unsigned + ".",
        signed({}, by=b"k" * 32),
        signed({}, how="HS512", by=key * 2),
        signed({}, header={"kid": "other", "typ": "at+jwt"}),
        signed({}, header={"typ": "at+jwt"}),
        signed({}, header={"kid": kid, "typ": "JWT"}),
        signed({"exp": now}),
        signed({"iat": now + timedelta(hours=1)}),
        signed({"iss": "another"}),
        signed({"aud": "another"}),
        signed({"sub": "no uuid"}),
        *(signed({name: None}) for name in claims),
        signed({}) + "x",
        "x",
        "a.b.c",
        "x" * 5000,
    ]
    for token in forged:
        answer = read(token)
        assert clear(answer)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_g8_an_unknown_place_or_method_is_a_problem_too(api: Api, account: Account) -> None:
    for answer, status in (
        (api.tasks.get("/nowhere"), 404),
        (api.tasks.put("/tasks", headers=account.headers), 405),
        (api.tasks.get("/tasks/", headers=account.headers), 404),
        (api.tasks.get("/tasks/1", headers=account.headers), 422),
        (api.tasks.get("/tasks/%00", headers=account.headers), 422),
        (api.tasks.get("/tasks/%ff", headers=account.headers), 422),
    ):
        assert clear(answer)
        assert answer.status_code == status


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["\x00", "\ud800", "\u202e"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
fields = st.dictionaries(
    st.sampled_from(
        ["title", "notes", "done", "due_on", "email", "password", "timezone", "digest", "refresh_token", "x"]
    ),
    anything,
    max_size=5,
)
requests = st.sampled_from(
    [
        ("tasks", "POST", "/tasks"),
        ("tasks", "PATCH", "/tasks/{id}"),
        ("auth", "POST", "/auth/register"),
        ("auth", "POST", "/auth/login"),
        ("auth", "POST", "/auth/refresh"),
        ("auth", "POST", "/auth/logout"),
        ("auth", "PATCH", "/me"),
        ("auth", "DELETE", "/me"),
    ]
)


def fine(answer: Any) -> bool:
    return answer.is_success or clear(answer)


@PLENTY
@given(request=requests, body=fields | anything)
def test_g8_no_json_makes_the_service_stumble(
    api: Api, account: Account, request: tuple[str, str, str], body: Any
) -> None:
    function, method, path = request
    if path == "/tasks/{id}":
        path = f"/tasks/{api.task(account)['id']}"
    client = getattr(api, function)
    headers = account.headers | JSON
    assert fine(client.request(method, path, content=json.dumps(body).encode(), headers=headers))


@PLENTY
@given(request=requests, body=st.binary(max_size=200))
def test_g8_no_bytes_make_the_service_stumble(
    api: Api, account: Account, request: tuple[str, str, str], body: bytes
) -> None:
    function, method, path = request
    path = path.format(id=uuid4())
    headers = account.headers | JSON
    assert fine(getattr(api, function).request(method, path, content=body, headers=headers))


@PLENTY
@given(
    name=st.sampled_from(["authorization", "if-match", "content-type", "traceparent", "cookie"]),
    value=st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60),
)
def test_g8_no_header_makes_the_service_stumble(api: Api, account: Account, name: str, value: str) -> None:
    headers = {key.lower(): text.encode() for key, text in account.headers.items()}
    headers[name] = value.strip().encode("latin-1")
    assert fine(api.tasks.patch(f"/tasks/{uuid4()}", content=b'{"title": "a"}', headers=headers))


@PLENTY
@given(
    query=st.dictionaries(
        st.sampled_from(["limit", "cursor", "done"]), st.text(max_size=40) | st.integers(), max_size=3
    )
)
def test_g8_no_query_makes_the_service_stumble(api: Api, account: Account, query: dict[str, Any]) -> None:
    encodable = {name: str(value).encode("utf-8", "replace") for name, value in query.items()}
    assert fine(api.tasks.get("/tasks", params=encodable, headers=account.headers))


@PLENTY
@given(title=st.text(min_size=1, max_size=520))
def test_g8_every_title_is_stored_as_it_was_trimmed_or_refused(api: Api, account: Account, title: str) -> None:
    body = json.dumps({"title": title}).encode()
    answer = api.tasks.post("/tasks", content=body, headers=account.headers | JSON)
    if answer.status_code == 201:
        assert answer.json()["title"] == title.strip()
        assert api.rows("SELECT title FROM tasks WHERE id = :id", id=answer.json()["id"]) == [(title.strip(),)]
    else:
        assert clear(answer)
