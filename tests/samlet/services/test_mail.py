import asyncio
import smtplib
import socket
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from samlet.errors import PortTaken
from samlet.services import MailSink


@pytest.fixture
async def sink(tmp_path: Path) -> AsyncIterator[MailSink]:
    sink = MailSink(tmp_path, port=0)
    await sink.start()
    yield sink
    await sink.stop()


def letter(subject: str = "Zażółć") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "The Sender <sender@example.com>"
    message["To"] = "a@example.com, b@example.com"
    message["Subject"] = subject
    message.set_content("Grüße\n.a dot at the start\n")
    message.add_alternative("<p>Grüße</p>\n", subtype="html")
    return message


def send(sink: MailSink, message: EmailMessage) -> None:
    with smtplib.SMTP(sink.host, sink.port, timeout=5) as client:
        client.send_message(message)


async def test_a_message_is_shown_decoded(sink: MailSink) -> None:
    await asyncio.to_thread(send, sink, letter())
    (mail,) = sink.list()
    assert mail.pop("id")
    assert mail.pop("received_at").endswith("+00:00")
    assert mail == {
        "from": "sender@example.com",
        "to": ["a@example.com", "b@example.com"],
        "subject": "Zażółć",
        "text": "Grüße\n.a dot at the start\n",
        "html": "<p>Grüße</p>\n",
    }


async def test_what_is_no_proper_message_is_kept_all_the_same(sink: MailSink) -> None:
    def send_raw() -> None:
        with smtplib.SMTP(sink.host, sink.port, timeout=5) as client:
            client.sendmail(
                "x@example.com", ["y@example.com"], b"Content-Type: text/plain; charset=no-such\r\n\r\n\xff!"
            )

    await asyncio.to_thread(send_raw)
    (mail,) = sink.list()
    assert (mail["from"], mail["to"], mail["subject"]) == ("x@example.com", ["y@example.com"], "")
    assert "!" in mail["text"]


async def test_messages_survive_a_restart_and_the_newest_is_first(sink: MailSink, tmp_path: Path) -> None:
    for subject in ("first", "second"):
        await asyncio.to_thread(send, sink, letter(subject))
    await sink.stop()
    again = MailSink(tmp_path, port=0)
    await again.start()
    assert [mail["subject"] for mail in again.list()] == ["second", "first"]
    await again.stop()


async def test_clear_deletes_every_message(sink: MailSink) -> None:
    await asyncio.to_thread(send, sink, letter())
    assert sink.clear() == 1
    assert sink.list() == []


async def test_the_url_names_loopback_and_the_real_port(sink: MailSink) -> None:
    assert sink.url == f"smtp://127.0.0.1:{sink.port}"
    assert sink.port > 0
    assert sink.status()["state"] == "ready"


async def test_a_stop_does_not_wait_for_a_client_that_stays(tmp_path: Path) -> None:
    sink = MailSink(tmp_path, port=0)
    await sink.start()
    reader, writer = await asyncio.open_connection(sink.host, sink.port)
    await reader.readline()
    await asyncio.wait_for(sink.stop(), 2)
    writer.close()


async def test_a_taken_port_is_an_error_that_names_the_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(PortTaken, match="SAMLET_SMTP_PORT"):
        await MailSink(tmp_path, port=taken.getsockname()[1]).start()


async def test_a_message_is_given_as_it_came_and_nothing_else_of_the_folder(sink: MailSink, tmp_path: Path) -> None:
    await asyncio.to_thread(send, sink, letter())
    (mail,) = sink.list()
    source = sink.source(mail["id"])
    assert source
    assert b"multipart/alternative" in source
    (tmp_path / "secret.eml").write_text("no mail")
    for name in ("../secret", "secret", "", mail["id"][:-1], f"{mail['id']}/.."):
        assert sink.source(name) is None


async def test_the_newest_are_listed_and_the_mark_changes_with_each(sink: MailSink) -> None:
    marks = [sink.mark()]
    for subject in ("one", "two", "three"):
        await asyncio.to_thread(send, sink, letter(subject))
        marks.append(sink.mark())
    assert [mail["subject"] for mail in sink.list(2)] == ["three", "two"]
    sink.clear()
    assert len({*marks, sink.mark()}) == 5
