"""Reads the routes out of an OpenAPI body with API Gateway's extensions."""

from samlet.template.properties import Properties
from samlet.template.routes import Routes

_INTEGRATION = "x-amazon-apigateway-integration"
_ANY = "x-amazon-apigateway-any-method"
_METHODS = ("get", "head", "post", "put", "patch", "delete", "options", _ANY)


def body_routes(routes: Routes, body: Properties) -> None:
    """Adds every operation of the body."""
    guarded = bool(body.raw("security"))
    paths = body.inner("paths")
    for path in paths:
        operations = paths.inner(path)
        for method in filter(operations.__contains__, _METHODS):
            key = path if path == "$default" else f"{'ANY' if method == _ANY else method.upper()} {path}"
            _add_operation(routes, key, operations.inner(method), body, guarded=guarded)


def _add_operation(routes: Routes, key: str, operation: Properties, body: Properties, *, guarded: bool) -> None:
    security = operation.raw("security")
    integration = _integration(operation, body)
    # SAM writes `security: [{NONE: []}]`, and OpenAPI `security: []`, for an operation without an authorizer.
    if (guarded and security is None) or (security and security != [{"NONE": []}]):
        routes.refuse(key, "authorizers are not run, so the route is left out")
    elif integration is None:
        routes.refuse(key, f"has no {_INTEGRATION}")
    else:
        routes.add_integration(key, integration)


def _integration(operation: Properties, body: Properties) -> Properties | None:
    if _INTEGRATION not in operation:
        return None
    integration = operation.inner(_INTEGRATION)
    shared = "#/components/x-amazon-apigateway-integrations/"
    reference = integration.text("$ref", "")
    if reference.startswith(shared):
        return body.inner("components").inner("x-amazon-apigateway-integrations").inner(reference.removeprefix(shared))
    return integration
