"""`meta` through its real handler: events of an HTTP API in, answers out."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from lambda_context import LambdaContext
from meta.handler import handler

CHECKOUT = Path(__file__).resolve().parents[2]


def get(path: str, **headers: str) -> dict[str, Any]:
    event = {
        "version": "2.0",
        "routeKey": f"GET {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "api.example", **headers},
        "requestContext": {
            "http": {"method": "GET", "path": path, "sourceIp": "192.0.2.1", "protocol": "HTTP/1.1"},
            "stage": "$default",
        },
        "isBase64Encoded": False,
    }
    answer: dict[str, Any] = handler(event, LambdaContext())
    return answer


def test_healthz_answers_without_a_database() -> None:
    answer = get("/healthz")
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"status": "ok"})
    assert answer["headers"]["x-request-id"] == LambdaContext.aws_request_id
    assert answer["headers"]["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in answer["headers"]["content-security-policy"]


def test_the_document_is_the_committed_contract() -> None:
    body = get("/openapi.json")["body"]
    assert body == (CHECKOUT / "docs/contracts/rest/openapi.json").read_text("utf-8")
    assert json.loads(body)["openapi"].startswith("3.1")


def test_the_page_has_no_inline_script_and_every_file_that_it_names_is_there() -> None:
    page = get("/docs")
    assert page["statusCode"] == 200
    assert "script-src 'self';" in page["headers"]["content-security-policy"]
    assert not re.search(r"<script(?![^>]*\bsrc=)", page["body"])
    named = re.findall(r'(?:src|href)="(docs/[^"]+)"', page["body"])
    assert len(named) == 4
    for name in named:
        answer = get(f"/{name}")
        assert (name, answer["statusCode"]) == (name, 200)
        assert answer["body"]
    assert "http://" not in page["body"]
    assert "https://" not in page["body"]


@pytest.mark.parametrize("file", ["redoc.standalone.js", "..", "handler.py", "%2e%2e%2fhandler.py"])
def test_no_other_file_is_served(file: str) -> None:
    answer = get(f"/docs/{file}")
    assert answer["statusCode"] == 404
    assert answer["isBase64Encoded"] is False
    assert json.loads(answer["body"])["code"] == "not_found"
