"""What a browser asks ahead reaches the functions under the template's routes for `ANY`: it has to be answered well."""

import pytest
from fastapi.testclient import TestClient

from taskflow.logs import logger_for
from taskflow.web import make_app

ASKED = {"Origin": "https://web.example", "Access-Control-Request-Method": "GET"}


def shop() -> TestClient:
    app = make_app("shop", logger_for("shop"))

    @app.get("/things")
    async def things() -> str:
        return "milk"

    return TestClient(app)


def test_a_preflight_is_a_204_without_a_body() -> None:
    answer = shop().options("/things", headers=ASKED)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("missing", ASKED)
def test_any_other_request_for_options_is_none_that_is_taken(missing: str) -> None:
    headers = {name: value for name, value in ASKED.items() if name != missing}
    assert shop().options("/things", headers=headers).status_code == 405
