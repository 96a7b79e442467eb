"""What the console's views show and do, in a real browser."""

import json
from dataclasses import replace

from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, Page, expect

from console_page import ATTACK, MARKS, go, http_event
from console_stand import TEMPLATE, Stand, handled
from samlet.console import console

VIEWS = ("Functions", "Invocations", "Waterfall", "Topics", "Schedules", "Mails", "Resources")
MAIL = (
    "X-Samlet-To: ann@example.org\r\nFrom: Bob <bob@example.org>\r\nTo: ann@example.org\r\n"
    f"Subject: Hello {ATTACK}\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    f"<h1>As it looks</h1>{ATTACK}<img src='http://elsewhere.example/pixel.png'>"
    "<form action='http://elsewhere.example/'><button>Go</button></form>"
)

pytestmark = MARKS


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
