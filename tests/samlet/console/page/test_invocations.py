"""Invocations and their traces in the console, in a real browser."""

import json

import pytest
from playwright.async_api import Page, expect

from console_page import MARKS, go, http_event
from console_stand import Client, Stand, handled
from samlet.console import Record, stream

pytestmark = MARKS


async def test_invocations_come_and_change_without_a_reload(page: Page, stand: Stand) -> None:
    await go(page, "/invocations")
    await expect(page.get_by_text("No invocation yet")).to_be_visible()
    stand.record.began("Tick", "first", http_event(), None)
    row = page.get_by_role("row").filter(has_text="POST /tasks")
    await expect(row).to_contain_text("running")
    handled(stand.record, request_id="second", event=b'{"source": "mine"}', error="Unhandled")
    await expect(page.locator("tbody tr").first).to_contain_text("error")
    await expect(page.locator("tbody tr")).to_have_count(2)


async def test_invocations_are_filtered_and_the_address_holds_the_filter(page: Page, stand: Stand) -> None:
    handled(stand.record, request_id="one", event=b'{"word": "needle"}')
    handled(stand.record, request_id="two", error="Unhandled")
    stand.record.refused("Other", "three", b"{}", "busy")
    await go(page, "/invocations")
    rows = page.locator("tbody tr")
    await expect(rows).to_have_count(3)
    await page.get_by_label("Filter by state").select_option("error")
    await expect(rows).to_have_count(1)
    await page.reload()
    await expect(rows).to_have_count(1)
    await page.get_by_label("Filter by state").select_option("")
    await page.get_by_label("Filter by text").fill("needle")
    await expect(rows).to_have_count(1)
    handled(stand.record, request_id="four", event=b'{"word": "needle again"}')
    await expect(rows).to_have_count(2)
    await page.get_by_label("Filter by text").fill("nowhere")
    await expect(page.get_by_text("Nothing fits the filter.")).to_be_visible()
    await page.get_by_role("link", name="Show all").click()
    await expect(rows).to_have_count(4)


async def test_an_event_is_replayed_as_a_new_invocation_that_says_so(page: Page, stand: Stand) -> None:
    handled(stand.record, event=http_event())
    await go(page, "/invocations/r1")
    await page.get_by_role("button", name="Replay").click()
    await expect(page.get_by_role("region", name="Invocation")).to_contain_text("A replay of r1")
    await expect(page.locator("tbody tr").filter(has_text="↻ replay of POST /tasks")).to_be_visible()
    assert stand.invoked == [("Tick", http_event())]


async def test_secrets_are_hidden_until_revealed_and_copied_whole(page: Page, stand: Stand) -> None:
    handled(stand.record, event=http_event(authorization="Bearer abcdefghij"))
    await go(page, "/invocations/r1")
    detail = page.get_by_role("region", name="Invocation")
    await expect(detail).to_contain_text('"authorization": "•••"')
    await page.get_by_role("button", name="Copy as curl").click()
    await expect(page.get_by_text("Copied.")).to_be_visible()
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("curl -g -i -X POST http://127.0.0.1:1/tasks")
    assert "Bearer abcdefghij" in copied
    await page.get_by_role("button", name="Reveal secrets").click()
    await expect(detail).to_contain_text('"authorization": "Bearer abcdefghij"')


async def test_lines_of_a_running_invocation_appear_as_they_are_printed(page: Page, stand: Stand) -> None:
    stand.record.began("Tick", "r1", b"{}", None)
    await go(page, "/invocations/r1")
    log = page.get_by_role("region", name="Invocation")
    await expect(log).to_contain_text("printed nothing")
    stand.record.printed("Tick", "r1", "the first line")
    await expect(log).to_contain_text("the first line")
    stand.record.printed("Tick", "r1", "the second line")
    await expect(log).to_contain_text("the second line")


async def test_a_waterfall_shows_every_step_and_grows(page: Page, stand: Stand) -> None:
    line = json.dumps({"correlation_id": "trace-4711", "message": "done"})
    handled(
        stand.record,
        event=http_event(**{"x-correlation-id": "trace-4711"}),
        answer=b'{"statusCode": 201}',
        lines=[line],
    )
    await go(page, "/invocations/r1")
    await page.get_by_role("region", name="Invocation").get_by_role("link", name="Waterfall").click()
    steps = page.locator(".waterfall li")
    await expect(steps).to_have_count(2)
    await expect(steps.first).to_contain_text("POST /tasks → 201")
    await expect(steps.nth(1).locator(".mark")).to_have_count(1)
    handled(stand.record, request_id="r2", event=http_event(**{"x-correlation-id": "trace-4711"}))
    await expect(steps).to_have_count(4)
    await page.get_by_label("Correlation, request or trace id").fill("nothing-like-it")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Nothing names nothing-like-it.")).to_be_visible()


async def test_a_new_invocation_leaves_the_rows_of_a_thousand_others_alone(page: Page, stand: Stand) -> None:
    for number in range(1_000):
        handled(stand.record, request_id=f"r{number}")
    await go(page, "/invocations")
    await expect(page.locator("tbody tr")).to_have_count(1_000)
    await page.evaluate("document.querySelectorAll('tbody tr').forEach(row => { row.seen = true })")
    handled(stand.record, request_id="new")
    await expect(page.locator("tbody tr").first).to_have_attribute("data-key", "new")
    assert await page.evaluate("[...document.querySelectorAll('tbody tr')].filter(row => !row.seen).length") == 1
    assert await page.locator("tbody tr").count() == 1_000


async def test_closing_an_invocation_keeps_the_filter_and_goes_back_to_its_row(page: Page, stand: Stand) -> None:
    handled(stand.record, event=http_event())
    await go(page, "/invocations?function=Tick")
    await page.locator("tr[data-row]").click()
    await page.get_by_role("link", name="Close").click()
    await expect(page.locator("tr[data-row]")).to_be_focused()
    assert page.url.endswith("#/invocations?function=Tick")


async def test_a_running_invocation_says_for_how_long(page: Page, stand: Stand) -> None:
    stand.record.began("Tick", "r1", b"{}", None)
    await go(page, "/invocations")
    await expect(page.locator("tr[data-row]")).to_contain_text("so far")
    await go(page, "/functions/Tick")
    await expect(page.get_by_role("region", name="Function")).to_contain_text("Runningsince")


async def test_an_open_invocation_stays_as_it_was_when_samlet_was_restarted(
    page: Page, client: Client, stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    handled(stand.record, event=http_event())
    await go(page, "/invocations/r1")
    detail = page.get_by_role("region", name="Invocation")
    await expect(detail).to_contain_text("Request id")
    assert client.app
    stopping = client.app[stream._STOPPING]
    stopping.set()
    await expect(page.locator("#state")).to_have_text("no connection")
    stand.record = Record()
    monkeypatch.setattr(stream, "_RUN", "another")
    stopping.clear()
    await expect(page.locator("#state")).to_have_text("ready")
    await expect(detail).to_contain_text("Samlet no longer keeps this invocation: it is shown as it was.")
    await expect(detail).to_contain_text("Request id")
    await expect(detail.get_by_role("button", name="Replay")).to_be_disabled()
    await expect(page.get_by_text("No invocation yet.")).to_be_visible()


async def test_the_ids_of_a_trace_are_folded_where_they_are_many(page: Page, stand: Stand) -> None:
    for number in range(10):
        handled(stand.record, request_id=f"request-{number}", event=http_event(**{"x-correlation-id": "trace-one"}))
    await go(page, "/traces/trace-one")
    await expect(page.get_by_text("request-7", exact=True)).to_be_hidden()
    await page.get_by_text("Known under 11 ids").click()
    await expect(page.get_by_text("request-7", exact=True)).to_be_visible()
