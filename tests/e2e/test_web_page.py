"""The web page's main path, in a real browser, with the keyboard."""

import secrets
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from browser import browser_marks, opened
from e2e.system import System

pytestmark = [*browser_marks("the web page"), pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


@pytest.fixture
def page(system: System) -> Iterator[Page]:
    with opened(system.addresses["web"]) as page:
        yield page


def register(page: Page) -> str:
    email = f"{secrets.token_hex(6)}@example.org"
    page.get_by_role("button", name="Create an account").click()
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_label("Password").press("Enter")
    expect(page.get_by_label("New task")).to_be_focused()
    return email


def add(page: Page, title: str) -> None:
    page.get_by_label("New task").fill(title)
    page.keyboard.press("Enter")
    expect(page.get_by_role("listitem").filter(has_text=title)).to_be_visible()
    expect(page.get_by_label("New task")).to_be_focused()


def test_register_add_edit_complete_delete_undo_log_out_and_in_again(page: Page) -> None:
    email = register(page)
    for title in ("Buy bread", "Call Ann", "Write <b>letter</b>"):
        add(page, title)
    titles = page.locator(".task .title")
    expect(titles).to_have_text(["Write <b>letter</b>", "Call Ann", "Buy bread"])

    page.get_by_label("Edit: Call Ann").press("Enter")
    page.keyboard.type("Call Bea")
    page.keyboard.press("Enter")
    expect(titles.nth(1)).to_have_text("Call Bea")
    expect(page.get_by_label("Edit: Call Bea")).to_be_focused()

    page.get_by_label("Done: Buy bread").press("Space")
    page.get_by_role("button", name="Open", exact=True).click()
    expect(titles).to_have_text(["Write <b>letter</b>", "Call Bea"])
    page.get_by_role("button", name="All", exact=True).click()
    expect(page.get_by_label("Done: Buy bread")).to_be_checked()

    page.get_by_label("Delete: Call Bea").press("Enter")
    expect(titles).to_have_count(2)
    page.get_by_role("button", name="Undo").press("Enter")
    expect(titles).to_have_text(["Write <b>letter</b>", "Call Bea", "Buy bread"])

    page.reload()
    expect(titles).to_have_count(3)
    page.get_by_role("button", name="Log out").click()
    assert page.evaluate("localStorage.length") == 0
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Log in").click()
    expect(titles).to_have_count(3)


def test_errors_are_shown_in_words(page: Page) -> None:
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#email-error")).to_have_text("Enter your address.")
    page.get_by_label("Email").fill("nobody@example.org")
    page.get_by_label("Password").fill("wrong password")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_have_text("This address and password do not belong together.")


def test_a_token_that_the_service_refuses_leads_back_to_the_log_in(page: Page) -> None:
    register(page)
    page.evaluate("localStorage.setItem('taskflow.session', JSON.stringify({access: 'x', refresh: 'y'}))")
    page.reload()
    expect(page.get_by_role("alert")).to_have_text("You have been logged out. Log in again.")
    expect(page.get_by_label("Email")).to_be_visible()


def test_a_service_that_cannot_be_reached_is_said_in_words_and_nothing_typed_is_lost(
    page: Page, system: System
) -> None:
    register(page)
    page.route(f"{system.addresses['api']}/**", lambda route: route.abort())
    page.get_by_label("New task").fill("Do not lose me")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    expect(page.get_by_label("New task")).to_have_value("Do not lose me")
