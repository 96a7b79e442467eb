"""`auth` and `tasks` through their real handlers: wired from settings, events of an HTTP API in, answers out."""

import base64
import importlib
import io
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from integration.databases import Database
from lambda_context import LambdaContext

Door = Callable[..., dict[str, Any]]
LOGGED = io.StringIO()


@pytest.fixture
def doors(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Door]]:
    """Both handlers, freshly imported as in a new sandbox."""
    secrets = {
        "TOKEN_KEYS": base64.b64encode(b"k" * 32).decode(),
        "PASSWORD_PEPPER": "p",
        "CURSOR_KEY": "c",
        "PASSWORD_COST": "4",
    }
    modules = []
    LOGGED.seek(0)
    LOGGED.truncate()
    for function in ("auth", "tasks"):
        for name, value in (secrets | database.environment(function)).items():
            monkeypatch.setenv(name, value)
        monkeypatch.delitem(sys.modules, f"{function}.handler", raising=False)
        modules.append(importlib.import_module(f"{function}.handler"))
        monkeypatch.setattr(modules[-1].log.logger_handler, "stream", LOGGED)
    yield {"auth": modules[0].handler, "tasks": modules[1].handler}
    for module in modules:
        module.app.state.services.engine.dispose()


def event(method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "api.example", "content-type": "application/json", **headers},
        "requestContext": {
            "http": {"method": method, "path": path, "sourceIp": "192.0.2.1", "protocol": "HTTP/1.1"},
            "stage": "$default",
        },
        "body": None if body is None else base64.b64encode(json.dumps(body).encode()).decode(),
        "isBase64Encoded": True,
    }


def test_a_user_registers_logs_in_and_adds_a_task(doors: dict[str, Door]) -> None:
    credentials = {"email": "ann@example.com", "password": "correct horse battery"}
    assert doors["auth"](event("POST", "/auth/register", credentials), LambdaContext())["statusCode"] == 201
    held = json.loads(doors["auth"](event("POST", "/auth/login", credentials), LambdaContext())["body"])
    asked = event("POST", "/tasks", {"title": "milk"}, authorization=f"Bearer {held['access_token']}")
    answer = doors["tasks"](asked, LambdaContext())
    assert answer["statusCode"] == 201
    assert answer["headers"]["etag"] == '"1"'
    assert answer["headers"]["x-request-id"] == LambdaContext.aws_request_id
    logged = LOGGED.getvalue()
    for secret in (
        "ann@example.com",
        credentials["password"],
        *map(str, (held["access_token"], held["refresh_token"])),
    ):
        assert secret not in logged
    lines = [json.loads(line) for line in logged.splitlines()]
    assert [line["route"] for line in lines if line["message"] == "request"] == [
        "/auth/register",
        "/auth/login",
        "/tasks",
    ]
    assert all(line["correlation_id"] for line in lines)


def test_a_problem_is_text_and_not_base64(doors: dict[str, Door]) -> None:
    answer = doors["tasks"](event("GET", "/tasks"), LambdaContext())
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (401, False)
    assert answer["headers"]["content-type"] == "application/problem+json"
