"""The smoke test, as `make deploy-local` runs it, and the web page's headers."""

import httpx

from compose.containers import Containers
from e2e.system import System
from smoke.__main__ import main


def test_g9_the_smoke_test_passes_against_the_containers(system: Containers) -> None:
    assert main([system.addresses["api"], "--console", system.addresses["console"]]) == 0


def test_the_smoke_test_fails_where_nothing_answers() -> None:
    assert main(["http://127.0.0.1:9"]) == 1
    assert main(["nonsense"]) == 2


def test_the_page_is_served_with_its_headers_and_compressed(system: Containers) -> None:
    with httpx.Client(base_url=system.addresses["web"]) as page:
        script = page.get("/app.js", headers={"accept-encoding": "gzip"})
        config = page.get("/config.json")
        assert page.get("/nginx/default.conf.template").status_code == 404
    assert script.headers["content-encoding"] == "gzip"
    assert script.headers["cache-control"] == "no-cache"
    assert "etag" in script.headers
    assert config.json() == {"api": system.addresses["api"]}


def test_a_browser_that_came_as_localhost_is_sent_to_the_origin_that_the_api_allows(system: System) -> None:
    answer = httpx.get(system.addresses["web"].replace("127.0.0.1", "localhost") + "/x")
    assert answer.status_code == 307
    assert answer.headers["location"] == system.addresses["web"] + "/x"
