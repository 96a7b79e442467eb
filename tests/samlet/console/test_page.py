"""The console's page in a real browser, over a stand-in for the emulator."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer
from playwright.async_api import Browser, Page, async_playwright, expect

from browser import CHROMIUM, FLAGS, browser_marks
from console_stand import TEMPLATE, Client, Stand, handled
from samlet.console import Record, console, stream

VIEWS = ("Functions", "Invocations", "Waterfall", "Topics", "Schedules", "Mails", "Resources")
ATTACK = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
MAIL = (
    "X-Samlet-To: ann@example.org\r\nFrom: Bob <bob@example.org>\r\nTo: ann@example.org\r\n"
    f"Subject: Hello {ATTACK}\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    f"<h1>As it looks</h1>{ATTACK}<img src='http://elsewhere.example/pixel.png'>"
    "<form action='http://elsewhere.example/'><button>Go</button></form>"
)

# One browser for all, and therefore one event loop.
pytestmark = [
    *browser_marks("the console's page"),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("console"),
]


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


def http_event(**headers: str) -> bytes:
    context = {"http": {"method": "POST", "path": "/tasks"}, "timeEpoch": 1_000}
    return json.dumps({"rawPath": "/tasks", "headers": headers, "requestContext": context}).encode()


async def go(page: Page, path: str) -> None:
    await page.evaluate("path => { location.hash = path }", path)


async def test_every_view_opens_and_an_empty_one_says_what_to_do(page: Page, stand: Stand) -> None:
    assert stand.mails
    stand.mails.kept = []
    hints = {
        "Functions": "Tick",
        "Invocations": "No invocation yet",
        "Waterfall": "No invocation yet",
        "Topics": "No Kafka runs here",
        "Schedules": "nightly",
        "Mails": "No mail yet",
        "Resources": "state machines are not run",
    }
    for view in VIEWS:
        await page.get_by_role("link", name=view, exact=True).click()
        await expect(page.get_by_role("main")).to_contain_text(hints[view])
        await expect(page).to_have_title(f"{view} · Samlet")
        await expect(page.get_by_role("navigation").locator("[aria-current=page]")).to_have_text(view)


async def test_invocations_come_and_change_without_a_reload(page: Page, stand: Stand) -> None:
    await go(page, "/invocations")
    await expect(page.get_by_text("No invocation yet")).to_be_visible()
    stand.record.began("Tick", "first", http_event(), None)
    row = page.get_by_role("row").filter(has_text="POST /tasks")
    await expect(row).to_contain_text("running")
    handled(stand.record, request_id="second", event=b'{"source": "mine"}', error="Unhandled")
    await expect(page.locator("tbody tr").first).to_contain_text("error")
    await expect(page.locator("tbody tr")).to_have_count(2)


async def test_figures_of_functions_are_live_and_lead_to_the_last_error(page: Page, stand: Stand) -> None:
    row = page.get_by_role("row").filter(has_text="Tick")
    await expect(row).to_contain_text("– / 128 MB")
    handled(stand.record, duration_ms=12.34, memory_used=77, init_ms=200.0)
    await expect(row).to_contain_text("77 / 128 MB")
    handled(stand.record, request_id="bad", error="Unhandled", answer=f'{{"errorMessage": "{ATTACK}"}}'.encode())
    await row.click()
    detail = page.get_by_role("region", name="Function")
    await expect(detail).to_contain_text(ATTACK)
    await expect(detail).to_contain_text("KEY")
    await expect(detail).not_to_contain_text("s3cr3t")
    await detail.get_by_role("link", name="bad").click()
    await expect(page.get_by_role("region", name="Invocation")).to_contain_text("errorMessage")


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


async def test_a_schedule_is_run_paused_and_resumed(page: Page, stand: Stand) -> None:
    await go(page, "/schedules")
    await expect(page.get_by_text("Fri 2026-01-02 00:00")).to_be_visible()
    await page.get_by_role("button", name="Run now").click()
    await expect(page.get_by_text("nightly ran.")).to_be_visible()
    assert stand.schedules
    assert stand.schedules.runs == [("nightly", None)]
    await page.get_by_role("button", name="Pause").click()
    await expect(page.get_by_text("Paused: its slots pass.")).to_be_visible()
    await page.get_by_role("button", name="Resume").click()
    await expect(page.get_by_role("button", name="Pause")).to_be_visible()
    await page.get_by_text("Next ten times").click()
    await expect(page.locator(".slots li")).to_have_count(10)


async def test_a_mail_is_rendered_where_it_can_do_nothing(page: Page, stand: Stand) -> None:
    assert stand.mails
    stand.mails.kept = [{"id": "1", "subject": f"Hello {ATTACK}", "from": "bob@example.org", "to": ["ann@example.org"],
                         "received_at": "2026-11-21T12:00:00+00:00"}]  # fmt: skip
    stand.mails.sources["1"] = MAIL.encode()
    await go(page, "/mails")
    await page.get_by_role("link", name="Hello").click()
    frame = page.frame_locator("iframe")
    await expect(frame.get_by_role("heading", name="As it looks")).to_be_visible()
    assert await page.locator("iframe").get_attribute("sandbox") == ""
    inner = next(one for one in page.frames if one.url.endswith("/html"))
    await frame.get_by_role("button", name="Go").click()
    assert inner.url.endswith("/html")
    for tab, text in (("Headers", "X-Samlet-To"), ("Source", "<h1>As it looks</h1>"), ("Text", "has no text")):
        await page.get_by_role("tab", name=tab).click()
        await expect(page.get_by_role("tabpanel")).to_contain_text(text)
    assert await page.evaluate("window.hacked") is None
    await page.get_by_role("button", name="Delete all").click()
    assert stand.mails.kept
    await page.get_by_role("button", name="Really delete all mails?").click()
    await expect(page.get_by_text("No mail yet.")).to_be_visible()


async def test_what_comes_from_outside_is_text_and_never_html(page: Page, stand: Stand) -> None:
    answer = json.dumps({"errorMessage": ATTACK}).encode()
    event = http_event(**{"x-correlation-id": ATTACK, ATTACK: ATTACK})
    handled(stand.record, request_id="evil", event=event, answer=answer, lines=[ATTACK], error="Unhandled")
    handled(
        stand.record, request_id="plain", event=ATTACK.encode(), answer=ATTACK.encode(), lines=[f'{{"a": "{ATTACK}"}}']
    )
    stand.template = replace(TEMPLATE, resources=((ATTACK, ATTACK, "run"),), outputs={ATTACK: ATTACK})
    for path in ("/invocations", "/invocations/evil", "/invocations/plain", f"/traces/{ATTACK}", "/traces",
                 "/functions/Tick", "/resources", f"/invocations/{ATTACK}", f"/topics/{ATTACK}/1/2", f"/mails/{ATTACK}",
                 f"/functions/{ATTACK}", f"/invocations?text={ATTACK}"):  # fmt: skip
        await go(page, path)
        await expect(page.get_by_role("main")).not_to_be_empty()
    await go(page, "/invocations/evil")
    await expect(page.get_by_role("region", name="Invocation").locator(".log")).to_contain_text(ATTACK)
    await go(page, "/invocations/plain")
    await expect(page.get_by_role("region", name="Event")).to_have_text(ATTACK)
    assert await page.evaluate("window.hacked") is None
    assert await page.locator("main img, main script").count() == 0


async def test_queues_topics_and_buckets_show_what_they_have_passed_on(page: Page, stand: Stand) -> None:
    jobs = {"queue": "arn:aws:sqs:eu-central-1:1:jobs", "function": "Tick", "handled": 3, "failed": 1}
    stand.sources["queue_mappings"] = {"state": "ready", "mappings": {"Take": jobs}}
    news = {"kind": "sns", "source": "news", "target": "Tick", "sent": 5, "filtered": 2}
    dead = {"kind": "s3", "source": "uploads", "target": "arn:aws:sqs:eu-central-1:1:seen", "sent": 7, "filtered": 0}
    stand.sources["push_mappings"] = {"state": "ready", "mappings": {"Link": news, "Up": dead}}
    await go(page, "/resources")
    section = page.locator("section", has=page.get_by_role("heading", name="Queues, topics and buckets"))
    await expect(section.locator("tbody tr")).to_have_count(3)
    rows = [await row.inner_text() for row in await section.locator("tbody tr").all()]
    assert [row.split("\t") for row in rows] == [
        ["Take", "queue jobs", "Tick", "3", "1", ""],
        ["Link", "SNS topic news", "Tick", "5", "", "2"],
        ["Up", "bucket uploads", "seen", "7", "", "0"],
    ]


async def test_the_keyboard_is_enough(page: Page, stand: Stand) -> None:
    for number in range(3):
        handled(stand.record, request_id=f"r{number}", event=json.dumps({"number": number}).encode())
    await page.keyboard.press("g")
    await page.keyboard.press("i")
    await expect(page.locator("tbody tr")).to_have_count(3)
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await expect(page.locator("tbody tr").nth(1)).to_be_focused()
    await page.keyboard.press("Enter")
    detail = page.get_by_role("region", name="Invocation")
    await expect(detail).to_contain_text('"number": 1')
    await page.keyboard.press("k")
    await expect(detail).to_contain_text('"number": 2')
    await page.keyboard.press("Escape")
    await expect(detail).to_be_hidden()
    await page.keyboard.press("/")
    await expect(page.get_by_label("Filter by text")).to_be_focused()
    await page.keyboard.type("g m")
    await page.keyboard.press("Escape")
    await expect(page).to_have_title("Invocations · Samlet")
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_contain_text("next, previous row")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await page.keyboard.press("g")
    await page.keyboard.press("m")
    await expect(page).to_have_title("Mails · Samlet")


async def test_dark_and_light_follow_the_system_until_one_chooses(page: Page) -> None:
    async def ground() -> Any:
        return await page.evaluate("getComputedStyle(document.body).backgroundColor")

    light = await ground()
    await page.emulate_media(color_scheme="dark")
    dark = await ground()
    assert light != dark
    await page.get_by_role("button", name="Theme").click()
    assert await ground() == light
    await page.reload()
    await expect(page.get_by_role("status").filter(has_text="ready")).to_be_visible()
    assert await ground() == light


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_has_contrast_enough(page: Page, scheme: Any) -> None:
    await page.emulate_media(color_scheme=scheme)
    script = "name => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()"
    grounds = ("ground", "panel", "hover", "chosen", "code", "ok-ground", "bad-ground", "warn-ground", "busy-ground")
    texts = ("text", "muted", "accent", "ok", "bad", "warn", "busy")
    values = {name: await page.evaluate(script, name) for name in (*grounds, *texts)}
    pairs = [
        (text, ground)
        for text in ("text", "muted", "accent")
        for ground in ("ground", "panel", "hover", "chosen", "code")
    ]
    pairs += [(name, f"{name}-ground") for name in ("ok", "bad", "warn", "busy")]
    pairs += [(name, "code") for name in ("ok", "warn", "bad")] + [("bad", "panel")]
    weak = {pair: round(found, 2) for pair in pairs if (found := contrast(values[pair[0]], values[pair[1]])) < 4.5}
    assert weak == {}


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("width", [360, 768, 1440])
async def test_nothing_is_wider_than_the_page(page: Page, stand: Stand, width: int) -> None:
    handled(stand.record, event=http_event(**{"x-correlation-id": "x" * 150}), lines=["y" * 500])
    stand.template = replace(TEMPLATE, outputs={"Long": "z" * 300})
    await page.set_viewport_size({"width": width, "height": 740})
    for path in ("/functions", "/functions/Tick", "/invocations", "/invocations/r1", f"/traces/{'x' * 150}", "/topics",
                 "/schedules", "/mails", "/resources"):  # fmt: skip
        await go(page, path)
        await expect(page.get_by_role("main")).not_to_be_empty()
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    await go(page, "/invocations/r1")
    await expect(page.get_by_role("region", name="Invocation")).to_be_visible()
    if width < 1000:
        await expect(page.get_by_role("table", name="Invocations, newest first")).to_be_hidden()


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


async def test_a_lost_connection_is_said_and_comes_back_by_itself(browser: Browser, stand: Stand) -> None:
    server = TestServer(console(stand))
    await server.start_server()
    page = await browser.new_page()
    await page.goto(f"{server.make_url('/')}#/invocations")
    await expect(page.get_by_role("status").filter(has_text="ready")).to_be_visible()
    port = server.port
    await server.close()
    await expect(page.get_by_role("alert")).to_contain_text("Samlet does not answer", timeout=15_000)
    handled(stand.record, request_id="meanwhile")
    again = TestServer(console(stand), port=port)
    await again.start_server()
    await expect(page.get_by_role("alert")).to_be_hidden(timeout=20_000)
    await expect(page.locator("tbody tr")).to_have_count(1)
    await page.close()
    await again.close()


LONG = "AFunctionWhoseNameIsMuchLongerThanAnyColumnThatAScreenHasRoomForAndThatHasNoPlaceToBreakItEither"


@pytest.mark.parametrize("width", [1440, 1024, 375])
async def test_a_long_name_pushes_no_column_out_of_sight(page: Page, stand: Stand, width: int) -> None:
    assert stand.template
    stand.template = replace(TEMPLATE, functions={LONG: replace(TEMPLATE.functions["Tick"], logical_id=LONG)})
    handled(stand.record, LONG, event=http_event())
    await page.set_viewport_size({"width": width, "height": 700})
    for view in ("functions", "invocations", f"functions/{LONG}", "invocations/r1"):
        await go(page, f"/{view}")
        await expect(page.get_by_text(LONG).locator("visible=true").first).to_be_visible()
        hidden = "pane => pane.checkVisibility() ? pane.scrollWidth - pane.clientWidth : 0"
        assert await page.locator(".pane").evaluate(hidden) <= 0, view


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


async def test_the_durations_of_a_function_that_nobody_waits_for_are_told_as_work(page: Page, stand: Stand) -> None:
    handled(stand.record, duration_ms=114_000.0)
    cell = page.get_by_role("cell", name="1 min 54 s").first
    await go(page, "/functions/Tick")
    await expect(cell).to_be_visible()
    assert "muted" not in (await cell.get_attribute("class") or "")
    stand.template = replace(TEMPLATE, apis=())
    await expect(page.get_by_role("region", name="Function")).to_contain_text("Works for")
    await expect(page.get_by_role("region", name="Function")).to_contain_text("Nobody waits for its answer")
    assert "muted" in (await cell.get_attribute("class") or "")


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
