"""How the console looks, in a real browser: colours, contrast and width."""

from dataclasses import replace
from typing import Any

import pytest
from playwright.async_api import Page, expect

from console_page import MARKS, go, http_event
from console_stand import TEMPLATE, Stand, handled

LONG = "AFunctionWhoseNameIsMuchLongerThanAnyColumnThatAScreenHasRoomForAndThatHasNoPlaceToBreakItEither"

pytestmark = MARKS


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
