"""The mails of a Mailpit, which the test plays after Mailpit's API v1."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from samlet.errors import ServiceFailed
from samlet.services import Mailpit, mailpit
from samlet.services.ports import free_port


class Played:
    """What a Mailpit has been sent, newest first."""

    def __init__(self) -> None:
        self.kept: list[dict[str, Any]] = []
        self.app = web.Application()
        self.app.router.add_get("/api/v1/messages", self.listed)
        self.app.router.add_get("/api/v1/message/{id}", self.told)
        self.app.router.add_delete("/api/v1/messages", self.forgotten)

    def receive(self, identity: str, **fields: Any) -> None:
        people: dict[str, Any] = {"From": {"Name": "A", "Address": "a@example.org"}, "To": [], "Cc": [], "Bcc": []}
        told = {"Subject": "Hé", "Text": "Grüße\r\n", "HTML": "", "Date": "2026-01-01T00:00:00Z"}
        self.kept.insert(0, {"ID": identity, "Created": f"2026-11-21T00:00:0{identity}Z"} | people | told | fields)

    async def listed(self, request: web.Request) -> web.Response:
        start, limit = int(request.query.get("start", 0)), int(request.query.get("limit", 50))
        page = [{"ID": one["ID"], "Created": one["Created"]} for one in self.kept[start : start + limit]]
        return web.json_response({"total": len(self.kept), "messages": page})

    async def told(self, request: web.Request) -> web.Response:
        found = [one for one in self.kept if one["ID"] == request.match_info["id"]]
        return web.json_response({**found[0], "Created": None}) if found else web.Response(status=404)

    async def forgotten(self, request: web.Request) -> web.Response:
        self.kept.clear()
        return web.Response(text="ok")


@pytest.fixture
def played() -> Played:
    return Played()


@pytest.fixture
async def mails(played: Played) -> AsyncIterator[Mailpit]:
    async with TestServer(played.app) as server:
        yield Mailpit(str(server.make_url("")).rstrip("/"))


async def test_a_mail_is_told_as_our_own_sink_would(mails: Mailpit, played: Played) -> None:
    to, copied, hidden = ([{"Name": "", "Address": f"{name}@example.org"}] for name in ("to", "cc", "bcc"))
    played.receive("1", To=to, Cc=copied, Bcc=hidden, HTML="<p>Grüße</p>\r\n")
    assert await asyncio.to_thread(mails.list) == [
        {
            "id": "1",
            "received_at": "2026-11-21T00:00:01Z",
            "from": "a@example.org",
            "to": ["to@example.org", "cc@example.org", "bcc@example.org"],
            "subject": "Hé",
            "text": "Grüße\n",
            "html": "<p>Grüße</p>\n",
        }
    ]


async def test_what_is_missing_in_a_mail_is_missing_and_no_error(mails: Mailpit, played: Played) -> None:
    played.receive("1", From=None, To=None, Cc=None, Bcc=None, Subject="", Text="")
    (mail,) = await asyncio.to_thread(mails.list)
    assert (mail["from"], mail["to"], mail["subject"], mail["text"], mail["html"]) == ("", [], "", None, None)


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4])
async def test_more_than_a_page_is_listed_newest_first(
    mails: Mailpit, played: Played, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(mailpit, "_PAGE", 2)
    for identity in range(number):
        played.receive(str(identity))
    listed = await asyncio.to_thread(mails.list)
    assert [mail["id"] for mail in listed] == [str(identity) for identity in reversed(range(number))]


async def test_clear_deletes_every_mail(mails: Mailpit, played: Played) -> None:
    played.receive("1")
    played.receive("2")
    assert await asyncio.to_thread(mails.clear) == 2
    assert played.kept == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_mailpit_that_does_not_answer_is_an_error_that_names_the_setting(scheme: str) -> None:
    port = free_port()
    for ask in (Mailpit(f"{scheme}://127.0.0.1:{port}").list, Mailpit(f"{scheme}://127.0.0.1:{port}").clear):
        with pytest.raises(ServiceFailed, match=f"MAILPIT_URL names a Mailpit at 127.0.0.1:{port}"):
            ask()


async def test_https_is_not_spoken_in_the_clear(played: Played) -> None:
    async with TestServer(played.app) as server:
        with pytest.raises(ServiceFailed, match="does not answer"):
            await asyncio.to_thread(Mailpit(f"https://127.0.0.1:{server.port}").list)


@pytest.mark.parametrize(("status", "text", "words"), [(200, "<p>hi", "is no Mailpit"), (401, "{}", "answers 401")])
async def test_something_else_than_a_mailpit_is_said(status: int, text: str, words: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, text=text)

    app = web.Application()
    app.router.add_get("/api/v1/messages", answer)
    async with TestServer(app) as server:
        with pytest.raises(ServiceFailed, match=words):
            await asyncio.to_thread(Mailpit(f"http://127.0.0.1:{server.port}").list)
