"""No token, no password and no whole address ever reaches a log."""

import json

import pytest

from taskflow.logs import logger_for, redacted

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("mail to ann@example.com failed", "mail to a***@example.com failed"),
        ("smtp://user:pass@mail:25", "[hidden] mail:25"),
        ("postgresql+pg8000://taskflow:pw@db/x", "[hidden] db/x"),
        (f"got {JWT}", "got [hidden]"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer [hidden]"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_what_looks_like_a_secret_is_hidden_in_text(before: str, after: str) -> None:
    assert redacted(before) == after


def test_what_is_named_like_a_secret_is_hidden_at_any_depth() -> None:
    given = {"a": [{"Password": "x", "refresh_token": ("y",)}], "n": 1, "DATABASE_PASSWORD": "z"}
    assert redacted(given) == {
        "a": [{"Password": "[hidden]", "refresh_token": "[hidden]"}],
        "n": 1,
        "DATABASE_PASSWORD": "[hidden]",
    }


def test_a_line_is_json_and_clean(capsys: pytest.CaptureFixture[str]) -> None:
    log = logger_for("test_a_line")
    try:
        raise ValueError("no such user ann@example.com")
    except ValueError:
        log.exception("failed", password="hunter22", user_id="u1")
    line = capsys.readouterr().out
    assert json.loads(line)["user_id"] == "u1"
    assert "hunter22" not in line
    assert "ann@example.com" not in line
