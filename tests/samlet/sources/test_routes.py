"""The order in which routes are tried."""

import pytest

from samlet.model import Route
from samlet.sources.event_v2 import decode_path
from samlet.sources.routes import RouteTable


def parsed(route: str) -> Route:
    method, _, path = route.rpartition(" ")
    return Route(method or "ANY", path, "f")


def found(method: str, path: str, *routes: str) -> tuple[str, dict[str, str]] | None:
    table = RouteTable(map(parsed, routes))
    match = table.find(method, decode_path(path))
    return (match.route.key, dict(match.parameters)) if match else None


ROUTES = ("GET /pets/dog/1", "GET /pets/dog/{id}", "GET /pets/{proxy+}", "ANY /{proxy+}", "$default")


@pytest.mark.parametrize(
    ("method", "path", "key"),
    [
        ("GET", "/pets/dog/1", "GET /pets/dog/1"),
        ("GET", "/pets/dog/2", "GET /pets/dog/{id}"),
        ("GET", "/pets/cat/1", "GET /pets/{proxy+}"),
        ("POST", "/pets/dog/1", "ANY /{proxy+}"),
        ("POST", "/test/5", "ANY /{proxy+}"),
        ("GET", "/", "$default"),
    ],
)
def test_the_most_specific_route_wins_as_in_the_example_of_aws(method: str, path: str, key: str) -> None:
    match = found(method, path, *reversed(ROUTES))
    assert match is not None
    assert match[0] == key


def test_any_serves_only_methods_without_a_route_of_their_own() -> None:
    routes = ("ANY /a", "GET /a")
    assert found("GET", "/a", *routes) == ("GET /a", {})
    assert found("PUT", "/a", *routes) == ("ANY /a", {})


def test_a_literal_segment_beats_a_variable() -> None:
    routes = ("GET /a/{x}/c", "GET /a/b/{y}", "GET /{z}/b/c")
    assert found("GET", "/a/b/c", *routes) == ("GET /a/b/{y}", {"y": "c"})


def test_greedy_parameters_hold_the_rest_decoded() -> None:
    assert found("GET", "/auth/a%2Fb/c%20d", "ANY /auth/{proxy+}") == ("ANY /auth/{proxy+}", {"proxy": "a/b/c d"})


def test_an_encoded_slash_stays_inside_its_segment() -> None:
    assert found("GET", "/tasks/a%2Fb", "GET /tasks/{id}", "GET /tasks/a/b") == ("GET /tasks/{id}", {"id": "a/b"})


@pytest.mark.parametrize("path", ["/tasks/", "/tasks", "/", "/other"])
def test_what_no_route_serves_is_not_found(path: str) -> None:
    assert found("GET", path, "GET /tasks/{id}", "GET /tasks/{proxy+}") is None


def test_a_method_without_a_route_is_not_found() -> None:
    assert found("DELETE", "/tasks", "GET /tasks") is None
