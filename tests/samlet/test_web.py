"""The static server of the web page."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from samlet.project import Web
from samlet.web import static_site

type Client = TestClient[web.Request, web.Application]

API = "http://127.0.0.1:3000"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "js").mkdir(parents=True)
    (root / "index.html").write_text("<!doctype html>home")
    (root / "js" / "app.js").write_text("export {}")
    (root / "style.css").write_text("a{}")
    (root / "icon.svg").write_text("<svg/>")
    (root / "unknown.qqq").write_bytes(b"\0")
    (tmp_path / "secret").write_text("secret")
    (root / "link").symlink_to(tmp_path / "secret")
    return root


@pytest.fixture
async def client(root: Path) -> AsyncIterator[Client]:
    site = static_site(Web(root), {"api": f"{API}/v1", "name": "toy"}, "http://127.0.0.1:8080")
    async with TestClient(TestServer(site)) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/index.html", "text/html; charset=utf-8"),
        ("/js/app.js", "text/javascript; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
        ("/unknown.qqq", "application/octet-stream"),
    ],
)
async def test_files_have_their_types(client: Client, path: str, kind: str) -> None:
    answer = await client.get(path)
    assert (answer.status, answer.headers["Content-Type"]) == (200, kind)


async def test_config_json_is_made_from_the_project(client: Client) -> None:
    answer = await client.get("/config.json")
    assert await answer.json() == {"api": f"{API}/v1", "name": "toy"}


@pytest.mark.parametrize("path", ["/", "/config.json", "/none"])
async def test_every_answer_carries_the_safety_headers(client: Client, path: str) -> None:
    headers = (await client.get(path)).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'self'"
    assert policy["connect-src"] == f"'self' {API}"
    assert "unsafe-inline" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-cache"


async def test_an_unchanged_file_is_304_and_a_changed_one_is_not(client: Client, root: Path) -> None:
    etag = (await client.get("/style.css")).headers["ETag"]
    assert (await client.get("/style.css", headers={"If-None-Match": etag})).status == 304
    (root / "style.css").write_text("a{color:red}")
    assert (await client.get("/style.css", headers={"If-None-Match": etag})).status == 200


@pytest.mark.parametrize(
    "path", ["/none", "/../secret", "/%2e%2e/secret", "/link", "/js", "/js/..%2f..%2fsecret", "/%00"]
)
async def test_what_is_not_below_the_root_is_not_there(client: Client, path: str) -> None:
    answer = await client.session.get(URL(f"http://{client.host}:{client.port}{path}", encoded=True))
    assert answer.status == 404
    assert "secret" not in await answer.text()


async def test_other_methods_are_refused(client: Client) -> None:
    assert (await client.post("/index.html")).status == 405


async def test_localhost_is_sent_to_the_one_origin_that_the_api_allows(client: Client) -> None:
    answer = await client.get("/style.css?a=1", headers={"Host": "localhost:8080"}, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (307, "http://127.0.0.1:8080/style.css?a=1")
