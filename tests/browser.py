"""The browser that tests drive, and what they do without one."""

import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--disable-quic"]  # fmt: skip


def browser_marks(what: str) -> list[pytest.MarkDecorator]:
    """The marks of a module that drives a browser; without one it is left out, which is said loudly."""
    if CHROMIUM is not None:
        return [pytest.mark.browser]
    reason = f"NO CHROMIUM ON PATH: {what} is not tested"
    warnings.warn(reason, stacklevel=2)
    return [pytest.mark.browser, pytest.mark.skip(reason=reason)]


@contextmanager
def opened(url: str) -> Iterator[Page]:
    """A page at `url`; fails if a script of it failed."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, chromium_sandbox=False)
        page = browser.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(url)
        yield page
        browser.close()
        assert problems == []
