"""Who visits a web page doesn't let it call functions."""

import json

import pytest
from aiohttp import ClientSession

from functions_on_the_spot import MakeFunction, Running

from .asking import served

SOURCE = "def handler(event, context):\n    return event\n"
INVOKE = "/2015-03-31/functions/Echo/invocations"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8080"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "evil.example:3001"},
        {"Host": "evil.example:3001", "Origin": "http://evil.example:3001", "Sec-Fetch-Site": "same-origin"},
        {"Host": "[evil"},
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", INVOKE), ("GET", "/2015-03-31/functions")])
async def test_what_a_page_of_another_origin_asks_is_refused_in_lambdas_words(
    make: MakeFunction, running: Running, headers: dict[str, str], method: str, path: str
) -> None:
    async with running(make(SOURCE)) as functions, served(functions) as address, ClientSession() as session:
        async with session.request(method, address + path, data=b'"x"', headers=headers) as answer:
            assert answer.status == 403
            assert answer.headers["x-amzn-errortype"] == "AccessDeniedException"
            assert "web pages" in (await answer.json())["Message"]
        assert functions.status()["Echo"]["sandboxes"] == []


@pytest.mark.parametrize("headers", [{}, {"Host": "localhost:3001"}, {"Sec-Fetch-Site": "none"}])
async def test_a_program_is_served_by_every_name_of_this_machine(
    make: MakeFunction, running: Running, headers: dict[str, str]
) -> None:
    async with (
        running(make(SOURCE)) as functions,
        served(functions) as address,
        ClientSession() as session,
        session.post(address + INVOKE, data=b'"x"', headers=headers) as answer,
    ):
        assert (answer.status, json.loads(await answer.read())) == (200, "x")
