"""Who visits a web page doesn't let it look into the console, or change anything by it: there is no password.

What is asked is taken from the routes themselves, so that a new one is asked as well.
"""

import re
from typing import Any

import pytest

from console_stand import Client, Stand
from samlet.console import console

_SAFE = {"GET", "HEAD"}
_EVERYBODYS = {"/metrics"}


def _routes() -> list[tuple[str, str]]:
    """Method and a path of each route."""
    return sorted(
        {
            (route.method, re.sub(r"\{[^}]*\}", "x", str(route.resource.canonical)))
            for route in console(Stand()).router.routes()
            if route.resource
        }
    )


ROUTES = _routes()
WRITING = [route for route in ROUTES if route[0] not in _SAFE]
# A page elsewhere; one that `Origin` hides; a browser that sends no Origin; a page of another port of this machine.
FOREIGN = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "http://127.0.0.1:8080", "Sec-Fetch-Site": "same-site"},
]
# A name that was made to lead here (DNS rebinding): its page and this one are of the same origin for the browser.
REBOUND = {"Host": "evil.example:9000", "Origin": "http://evil.example:9000", "Sec-Fetch-Site": "same-origin"}


def test_what_the_console_can_change_is_known() -> None:
    assert WRITING == [
        ("DELETE", "/api/mails"),
        ("POST", "/api/invocations/x/replay"),
        ("POST", "/api/schedules/x/run"),
        ("POST", "/api/schedules/x/x"),
        ("POST", "/api/topics/x/messages"),
        ("POST", "/api/topics/x/redrive"),
    ]


@pytest.mark.parametrize("headers", [*FOREIGN, REBOUND])
@pytest.mark.parametrize(("method", "path"), WRITING)
async def test_a_page_of_another_site_changes_nothing(
    client: Client, stand: Stand, method: str, path: str, headers: dict[str, str]
) -> None:
    bodies: list[dict[str, Any]] = [{"json": {}}, {"data": "a=b"}]
    for body in bodies:
        answer = await client.request(method, path.replace("/x/x", "/x/pause"), headers=headers, **body)
        assert answer.status == 403
        assert "may not change" in (await answer.json())["error"] or "loopback names" in (await answer.json())["error"]
    assert stand.invoked == []
    assert stand.mails
    assert stand.mails.kept


@pytest.mark.parametrize(("method", "path"), [route for route in ROUTES if route[1] not in _EVERYBODYS])
async def test_a_name_that_was_made_to_lead_here_sees_nothing(client: Client, method: str, path: str) -> None:
    answer = await client.request(method, path, headers=REBOUND)
    assert answer.status == 403


@pytest.mark.parametrize("path", [path for method, path in ROUTES if method == "GET"])
async def test_no_answer_is_for_the_scripts_or_the_frames_of_another_site(client: Client, path: str) -> None:
    for headers in ({"Origin": "http://evil.example"}, REBOUND):
        answer = await client.get(path, headers=headers)
        answer.close()  # one of them has no end
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert re.search("frame-ancestors '(none|self)'", answer.headers["Content-Security-Policy"])
