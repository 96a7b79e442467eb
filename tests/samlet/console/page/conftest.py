"""The console's page in a real browser, over a stand-in for the emulator."""

from collections.abc import AsyncIterator

import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer
from playwright.async_api import Browser, Page, async_playwright, expect

from browser import CHROMIUM, FLAGS
from console_stand import Client, Stand
from samlet.console import console


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, chromium_sandbox=False)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def client(stand: Stand) -> AsyncIterator[Client]:
    async with TestClient(TestServer(console(stand))) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, client: Client) -> AsyncIterator[Page]:
    """The console, opened; fails if a script failed, or if anything was fetched from elsewhere."""
    base = str(client.make_url("/"))
    context = await browser.new_context(base_url=base, color_scheme="light")
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = await context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    # What the page's policy stops never gets here.
    await context.route(
        lambda url: not url.startswith((base, "data:", "about:")), lambda route: problems.append(route.request.url)
    )
    await page.goto("/")
    await expect(page.get_by_role("status").filter(has_text="ready")).to_be_visible()
    yield page
    await context.close()
    assert problems == []
