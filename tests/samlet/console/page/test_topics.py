"""What the Topics view asks before it redrives, and says of a missing topic: a real browser on a real Kafka."""

import asyncio
import uuid

from playwright.async_api import Page, expect

from console_page import MARKS, go
from console_stand import Stand
from samlet import redrive
from samlet.cluster import Record
from samlet.kafka_client import create_topic, write

pytestmark = MARKS


async def test_redrive_all_asks_for_what_the_command_line_has_left(page: Page, stand: Stand, kafka_server: str) -> None:
    name = f"orders-{uuid.uuid4().hex[:8]}"
    dead = f"{name}.dead"

    def prepare() -> None:
        for topic in (name, dead):
            create_topic(kafka_server, topic, 1)
        write(kafka_server, dead, [Record(dead, 0, 0, 0, None, b"x")] * 3)
        wanted = redrive.Redrive(dead, name, redrive.memory_of(dead, name))
        redrive.move(kafka_server, wanted, redrive.waiting(kafka_server, wanted), 1)

    await asyncio.to_thread(prepare)
    stand.kafka_servers = kafka_server
    await go(page, f"/topics/{dead}")
    await page.get_by_label("Redrive to").select_option(name)
    await expect(page.get_by_text("2 of 3 not redriven yet")).to_be_visible()
    await page.get_by_role("button", name="Redrive all").click()
    await page.get_by_role("button", name="Really send 2 again?").click()
    await expect(page.get_by_text(f"2 message(s) sent to {name} again.")).to_be_visible()
    await expect(page.get_by_text("0 of 3 not redriven yet")).to_be_visible()


async def test_a_topic_that_is_missing_names_the_command_that_makes_it(
    page: Page, stand: Stand, kafka_server: str
) -> None:
    await asyncio.to_thread(create_topic, kafka_server, f"other-{uuid.uuid4().hex[:8]}", 1)
    stand.kafka_servers = kafka_server
    await go(page, "/topics/nowhere")
    await expect(page.get_by_role("main")).to_contain_text("samlet events create nowhere")
