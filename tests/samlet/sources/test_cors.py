"""CORS as the gateway answers it."""

import pytest

from samlet.errors import TemplateError
from samlet.model import Cors
from samlet.sources.cors import CorsPolicy

PAGE = "http://127.0.0.1:8080"


def test_an_allowed_origin_gets_its_headers_and_no_other_does() -> None:
    policy = CorsPolicy(Cors(allow_origins=(PAGE,), expose_headers=("etag", "location")))
    assert dict(policy.answer(PAGE)) == {
        "access-control-allow-origin": PAGE,
        "vary": "origin",
        "access-control-expose-headers": "etag,location",
    }
    assert policy.answer("http://evil.example") == []
    assert policy.answer(None) == []


def test_a_preflight_names_methods_headers_and_age() -> None:
    policy = CorsPolicy(Cors((PAGE,), ("GET", "POST"), ("authorization",), max_age=600, allow_credentials=True))
    answer = dict(policy.preflight(PAGE))
    assert answer["access-control-allow-methods"] == "GET,POST"
    assert answer["access-control-allow-headers"] == "authorization"
    assert answer["access-control-max-age"] == "600"
    assert answer["access-control-allow-credentials"] == "true"


def test_a_star_allows_everybody() -> None:
    assert dict(CorsPolicy(Cors(("*",))).answer("http://any.example")) == {"access-control-allow-origin": "*"}


def test_a_scheme_with_a_star_allows_that_scheme() -> None:
    policy = CorsPolicy(Cors(("https://*",)))
    assert dict(policy.answer("https://a.example"))["access-control-allow-origin"] == "https://a.example"
    assert policy.answer("http://a.example") == []


def test_a_star_beside_credentials_is_refused() -> None:
    with pytest.raises(TemplateError, match="AllowCredentials"):
        CorsPolicy(Cors(("*",), allow_credentials=True))
