"""What the tests of the console's page share beside their browser."""

import json

import pytest
from playwright.async_api import Page

from browser import browser_marks

# One browser for a module, and therefore one event loop.
MARKS = [
    *browser_marks("the console's page"),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("console"),
]
ATTACK = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"


def http_event(**headers: str) -> bytes:
    context = {"http": {"method": "POST", "path": "/tasks"}, "timeEpoch": 1_000}
    return json.dumps({"rawPath": "/tasks", "headers": headers, "requestContext": context}).encode()


async def go(page: Page, path: str) -> None:
    await page.evaluate("path => { location.hash = path }", path)
