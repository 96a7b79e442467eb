"""The console over the whole running system: one id from the request to the topic, and from the outbox to the mail."""

import secrets
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from browser import browser_marks, opened
from e2e.system import System
from e2e.user import User
from waiting import eventually

pytestmark = [*browser_marks("the console"), pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


@pytest.fixture
def page(system: System) -> Iterator[Page]:
    with opened(system.addresses["console"]) as page:
        yield page


def go(page: Page, path: str) -> None:
    page.evaluate("path => { location.hash = path }", path)


def kinds(page: Page) -> list[str]:
    return page.locator(".waterfall .kind").all_inner_texts()


def test_a_request_is_followed_by_its_trace_id_into_outbox_and_topic(system: System, page: Page) -> None:
    user, trace = User(system), secrets.token_hex(16)
    answer = user.client.post("/tasks", json={"title": "Traced"}, headers={"traceparent": f"00-{trace}-{'1' * 16}-01"})
    assert answer.status_code == 201

    for known_as in (trace, answer.headers["x-request-id"]):
        go(page, f"/traces/{known_as}")
        expect(page.locator(".waterfall li").filter(has_text="events-")).to_be_visible(timeout=15_000)
        assert kinds(page) == ["HTTP request", "invocation", "outbox", "topic"]
        expect(page.locator(".waterfall")).to_contain_text("POST /tasks → 201")

    page.locator(".waterfall li").filter(has_text="events-").get_by_role("link").click()
    message = page.get_by_role("region", name="Message")
    expect(message).to_contain_text("task.created")
    expect(message).to_contain_text(trace)


def test_a_digest_is_followed_from_the_outbox_to_the_mail_that_the_page_shows(system: System, page: Page) -> None:
    user = User(system)
    user.add("Write <b>tests</b>")
    system.samlet("schedule", "run", system.schedule("digest"), "--at", user.next_midnight())
    eventually(lambda: system.mails(user.email), timeout=30, every=0.2)
    [event] = [one for one in system.events(user.id) if one["value"]["type"].startswith("email.")]
    trace = event["headers"]["traceparent"].split("-")[1]

    go(page, f"/traces/{trace}")
    expect(page.locator(".waterfall li").filter(has_text=user.email)).to_be_visible(timeout=15_000)
    assert sorted(kinds(page)) == ["invocation", "invocation", "mail", "outbox", "topic"]
    for function in ("NightlyDigestFunction", "MailSenderFunction"):
        expect(page.locator(".waterfall")).to_contain_text(function)
    page.locator(".waterfall li").filter(has_text=user.email).get_by_role("link").click()
    expect(page.frame_locator("iframe").get_by_text("Write <b>tests</b>")).to_be_visible()


def test_what_happens_shows_without_a_reload_and_is_replayed(system: System, page: Page) -> None:
    user = User(system)
    go(page, "/invocations?function=TasksFunction")
    expect(page.get_by_label("Filter by function")).to_have_value("TasksFunction")
    its_path = f"/tasks/{user.add('Read')['id']}"  # which no earlier row has
    user.client.get(its_path)
    row = page.locator("tbody tr").filter(has_text=f"GET {its_path}")
    row.click()
    detail = page.get_by_role("region", name="Invocation")
    expect(detail).to_contain_text(f'"rawPath": "{its_path}"')
    expect(detail).to_contain_text('"authorization": "•••"')
    page.get_by_role("button", name="Replay").click()
    expect(detail).to_contain_text("A replay of")
    expect(detail).to_contain_text("ok 200")


def test_a_schedule_is_run_from_the_page_and_its_invocation_is_known(system: System, page: Page) -> None:
    name = system.schedule("housekeeping")
    go(page, "/schedules")
    card = page.get_by_role("article").filter(has_text=name)
    card.get_by_role("button", name="Run now").click()
    expect(page.get_by_text(f"{name} ran.")).to_be_visible(timeout=30_000)
    expect(card).to_contain_text("Last:")
    card.get_by_role("button", name="Pause").click()
    expect(card).to_contain_text("Paused")
    card.get_by_role("button", name="Resume").click()
    expect(card.get_by_role("button", name="Pause")).to_be_visible()


def test_a_message_is_produced_and_redriven_from_the_page(system: System, page: Page) -> None:
    mark = secrets.token_hex(8)
    go(page, "/topics/events.dead")
    page.get_by_text("Produce a message").click()
    page.get_by_label("Value").fill(f'{{"type": "test.{mark}"}}')
    page.get_by_role("button", name="Produce", exact=True).click()
    row = page.locator("tbody tr").filter(has_text=mark)
    expect(row).to_be_visible(timeout=15_000)
    row.click()
    page.get_by_role("region", name="Message").get_by_role("button", name="Send again").click()
    expect(page.get_by_text("1 message(s) sent to events again.")).to_be_visible(timeout=15_000)
    go(page, "/topics/events")
    page.get_by_label("Search in messages").fill(mark)
    expect(page.locator("tbody tr").filter(has_text=mark)).to_be_visible(timeout=15_000)
