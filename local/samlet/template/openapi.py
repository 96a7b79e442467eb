"""Reads the routes out of an OpenAPI body with API Gateway's extensions."""

from samlet.template.authorizers import CannotAuthorize
from samlet.template.properties import Properties
from samlet.template.routes import Guard, Routes

_INTEGRATION = "x-amazon-apigateway-integration"
_ANY = "x-amazon-apigateway-any-method"
_METHODS = ("get", "head", "post", "put", "patch", "delete", "options", _ANY)
_NO_OPERATIONS = {"parameters", "summary", "description", "servers"}


def body_routes(routes: Routes, body: Properties) -> None:
    """Adds every operation of the body."""
    paths = body.inner("paths")
    for path in paths:
        operations = paths.inner(path)
        for method in filter(operations.__contains__, _METHODS):
            key = path if path == "$default" else f"{'ANY' if method == _ANY else method.upper()} {path}"
            if routes.takes(key, paths, path):
                _add_operation(routes, key, operations.inner(method), body)
        for other in operations:
            if other not in _METHODS and other not in _NO_OPERATIONS and not other.startswith("x-"):
                routes.refuse(f"{other} {path}", f"{other} is no method of an HTTP API, so the route is left out")


def _add_operation(routes: Routes, key: str, operation: Properties, body: Properties) -> None:
    integration = _integration(operation, body)
    # `security: []` takes the document's own security away, so an empty list is not the same as none.
    secured = operation if operation.raw("security") is not None else body
    try:
        guard = _guard(routes, secured)
    except CannotAuthorize as reason:
        routes.refuse(key, f"{reason}, so the route is left out")
        return
    if integration is None:
        routes.refuse(key, f"has no {_INTEGRATION}")
    else:
        routes.add_integration(key, integration, guard=guard)


def _guard(routes: Routes, secured: Properties) -> Guard:
    schemes = [(scheme, each.texts(scheme)) for each in secured.maps("security") for scheme in each.values]
    # SAM writes `security: [{NONE: []}]` for an operation without an authorizer.
    if not schemes or [scheme for scheme, _ in schemes] == ["NONE"]:
        return Guard()
    if len(schemes) > 1:
        raise CannotAuthorize("one security scheme an operation is run")
    scheme, scopes = schemes[0]
    return Guard(routes.authorizers.scheme(scheme), scopes)


def _integration(operation: Properties, body: Properties) -> Properties | None:
    if _INTEGRATION not in operation:
        return None
    integration = operation.inner(_INTEGRATION)
    shared = "#/components/x-amazon-apigateway-integrations/"
    reference = integration.text("$ref", "")
    if reference.startswith(shared):
        return body.inner("components").inner("x-amazon-apigateway-integrations").inner(reference.removeprefix(shared))
    return integration
