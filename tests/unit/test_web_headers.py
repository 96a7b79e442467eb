"""The web page comes with the same headers from the laptop's server, from nginx in a container and from CloudFront."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

import stacks
from samlet.project import Web
from samlet.web import static_site

CHECKOUT = Path(__file__).resolve().parents[2]
NGINX = (CHECKOUT / "frontend" / "nginx" / "default.conf.template").read_text()
API, WEB = "https://api.example", "https://web.example"
OURS = {"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Cache-Control"}


@pytest.fixture(scope="module")
def cloudfront() -> dict[str, Any]:
    resources: dict[str, Any] = stacks.read("web")["Resources"]
    return resources


async def laptop(path: str) -> dict[str, str]:
    """The headers that the local web server sends with a file of the page."""
    site = static_site(Web(root=CHECKOUT / "frontend", config={}), {"api": API}, WEB)
    async with TestClient(TestServer(site)) as page:
        answer = await page.get(path)
        assert answer.status == 200
        return dict(answer.headers)


async def ours(path: str = "/") -> dict[str, str]:
    """Of these, the ones that do not follow from the file itself."""
    return {name: value for name, value in (await laptop(path)).items() if name in OURS}


def nginx_server() -> str:
    """What stands in the server block outside of its locations, with the values that a container fills in."""
    filled = NGINX.replace("${API_URL}", API).replace("${WEB_URL}", WEB)
    return re.sub(r"^    (?:location|if) [^\n]*\{\n.*?^    \}\n", "", filled, flags=re.MULTILINE | re.DOTALL)


async def test_nginx_sends_the_headers_of_the_laptop_with_every_answer() -> None:
    added = re.findall(r'^    add_header (\S+) (?:"([^"]*)"|(\S+))( always)?;$', nginx_server(), re.MULTILINE)
    assert {name: quoted or bare for name, quoted, bare, _ in added} == await ours()
    assert all(always for *_, always in added), "without `always` an error comes without them"
    # A location with a header of its own would lose those of the server.
    assert NGINX.count("add_header") == len(added)


async def test_cloudfront_sends_the_headers_of_the_laptop(cloudfront: dict[str, Any]) -> None:
    config = cloudfront["Headers"]["Properties"]["ResponseHeadersPolicyConfig"]
    security = config["SecurityHeadersConfig"]
    text, values = security["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"]
    assert values == {"Api": {"Fn::If": ["HasApi", {"Fn::Sub": " ${ApiUrl}"}, ""]}}
    sent = {item["Header"]: item["Value"] for item in config["CustomHeadersConfig"]["Items"]} | {
        "Content-Security-Policy": text.replace("${Api}", f" {API}"),
        "Referrer-Policy": security["ReferrerPolicy"]["ReferrerPolicy"],
        "X-Content-Type-Options": "nosniff" if security["ContentTypeOptions"]["Override"] else "",
    }
    assert sent == await ours()
    # Only here is the page behind TLS.
    assert security["StrictTransportSecurity"]["AccessControlMaxAgeSec"] >= 31_536_000


def test_cloudfront_sends_them_with_every_file_and_compresses_what_it_keeps(cloudfront: dict[str, Any]) -> None:
    distribution = cloudfront["Distribution"]["Properties"]["DistributionConfig"]
    page, others = distribution["DefaultCacheBehavior"], distribution["CacheBehaviors"]
    assert {behaviour["ResponseHeadersPolicyId"]["Ref"] for behaviour in (page, *others)} == {"Headers"}
    assert page["Compress"] is True
    assert [behaviour["PathPattern"] for behaviour in others] == ["config.json"]


@pytest.mark.parametrize("path", ["/index.html", "/app.js", "/style.css"])
async def test_nginx_names_the_same_character_set(path: str) -> None:
    charset = re.search(r"^    charset (\S+);$", NGINX, re.MULTILINE)
    types = re.search(r"^    charset_types ([^;]+);$", NGINX, re.MULTILINE)
    assert charset
    assert types
    kind, _, given = (await laptop(path))["Content-Type"].partition("; charset=")
    assert given == charset[1]
    assert kind in {"text/html", *types[1].split()}  # nginx always counts text/html in


def test_nginx_compresses_what_is_text() -> None:
    types = re.search(r"^    gzip_types ([^;]+);$", NGINX, re.MULTILINE)
    assert types
    assert {"text/css", "text/javascript", "application/javascript", "application/json"} <= set(types[1].split())
    assert "gzip on;" in NGINX


async def test_nginx_answers_config_json_as_the_laptop_does() -> None:
    answer = re.search(r"^    location = /config\.json \{\n.*?return 200 '(.*)';", NGINX, re.MULTILINE | re.DOTALL)
    assert answer
    site = static_site(Web(root=CHECKOUT / "frontend", config={}), {"api": API}, WEB)
    async with TestClient(TestServer(site)) as page:
        assert json.loads(answer[1].replace("${API_URL}", API)) == await (await page.get("/config.json")).json()


async def test_nginx_sends_who_came_as_localhost_to_the_one_origin_as_the_laptop_does() -> None:
    redirect = re.search(r"if \(\$host = localhost\) \{\n\s+return (\d+) \$\{WEB_URL\}\$request_uri;\n", NGINX)
    assert redirect
    site = static_site(Web(root=CHECKOUT / "frontend", config={}), {"api": API}, "http://127.0.0.1:8080")
    async with TestClient(TestServer(site)) as page:
        answer = await page.get("/x?y", headers={"Host": "localhost:8080"}, allow_redirects=False)
        assert answer.status == int(redirect[1])
        assert answer.headers["Location"] == "http://127.0.0.1:8080/x?y"
