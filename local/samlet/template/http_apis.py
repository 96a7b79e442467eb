"""HTTP APIs of a template: from an OpenAPI body, from routes and integrations of their own, or both."""

from dataclasses import replace

from samlet.model import Cors, HttpApi, IamAuthorizer, JwtAuthorizer
from samlet.template.authorizers import Authorizers, CannotAuthorize, lowered
from samlet.template.openapi import body_routes
from samlet.template.origins import note_origins
from samlet.template.properties import Properties
from samlet.template.route_keys import DEFAULT
from samlet.template.routes import Guard, Routes
from samlet.template.stack import Resource, Stack
from samlet.template.stages import Stage, note_undeployed, stages


def http_apis(stack: Stack, runnable: set[str]) -> tuple[HttpApi, ...]:
    """Every HTTP API; its routes lead to `runnable` functions only, the others are noted as unsupported."""
    found = []
    _refuse_foreign_routes(stack)
    for resource in stack.of_type("AWS::ApiGatewayV2::Api"):
        if resource.properties.text("ProtocolType", "HTTP").upper() != "HTTP":
            stack.refuse(resource, "ProtocolType: WebSocket APIs are not run")
        else:
            found.append(_http_api(stack, resource, runnable))
    return tuple(found)


def _refuse_foreign_routes(stack: Stack) -> None:
    """Notes the routes of APIs that stand elsewhere."""
    apis = {resource.logical_id for resource in stack.of_type("AWS::ApiGatewayV2::Api")}
    for route in stack.of_type("AWS::ApiGatewayV2::Route"):
        api = route.properties.text("ApiId")
        if api not in apis:
            key = route.properties.text("RouteKey")
            stack.refuse(route, f"ApiId: {api} is no API of this template, so {key} is left out")


def _http_api(stack: Stack, resource: Resource, runnable: set[str]) -> HttpApi:
    if "BodyS3Location" in resource.properties:
        stack.refuse(resource, "BodyS3Location: the OpenAPI document lies in S3")
    if resource.properties.text("BasePath", "ignore") != "ignore":
        stack.refuse(resource, "BasePath: is ignored, paths are those of the OpenAPI document alone")
    note_undeployed(stack, resource)
    noted = len(stack.unsupported)
    first, *others = [_served(stack, resource, runnable, stage) for stage in stages(stack, resource.logical_id)]
    # Each stage has noted what cannot be run of the same routes.
    stack.unsupported[noted:] = dict.fromkeys(stack.unsupported[noted:])
    return replace(first, others=tuple(others))


def _served(stack: Stack, resource: Resource, runnable: set[str], stage: Stage) -> HttpApi:
    """The API as one stage serves it."""
    properties = resource.properties
    body = properties.inner("Body")
    authorizers = Authorizers(stack, body, runnable, stage.variables)
    routes = Routes(stack, resource, runnable, stage, authorizers)
    body_routes(routes, body)
    if "Target" in properties:
        key = properties.text("RouteKey", DEFAULT)
        if routes.takes(key, properties, "RouteKey"):
            routes.add(key, properties.text("Target"), properties)
    _own_routes(stack, resource.logical_id, routes)
    keys = {route.key for route in routes.found()}
    for key in sorted(stage.throttling.keys() - keys):
        assert stage.resource
        stack.refuse(stage.resource, f"RouteSettings: {key} is no route that is served")
    configured = "CorsConfiguration" in properties
    of_body = not configured and "x-amazon-apigateway-cors" in body
    cors = cors_of(body.inner("x-amazon-apigateway-cors") if of_body else properties.inner("CorsConfiguration"))
    place = "Body.x-amazon-apigateway-cors.allowOrigins" if of_body else "CorsConfiguration.AllowOrigins"
    note_origins(stack, resource, place, cors.allow_origins)
    return HttpApi(
        logical_id=resource.logical_id,
        routes=routes.found(),
        cors=cors if configured or of_body else None,
        stage=stage.name,
        stage_variables=stage.variables,
        access_log=stage.access_log,
    )


def _own_routes(stack: Stack, api: str, routes: Routes) -> None:
    """Adds the `AWS::ApiGatewayV2::Route` resources of an API."""
    integrations = {found.logical_id: found for found in stack.of_type("AWS::ApiGatewayV2::Integration")}
    seen: dict[str, str] = {}
    for route in stack.of_type("AWS::ApiGatewayV2::Route"):
        properties = route.properties
        if properties.text("ApiId") != api:
            continue
        key = properties.text("RouteKey")
        if not routes.takes(key, properties, "RouteKey", route):
            continue
        first = seen.setdefault(key, route.logical_id)
        if first != route.logical_id:
            stack.refuse(route, f"RouteKey: {key} is that of {first} too, which AWS refuses; it is left out")
            continue
        integration = integrations.get(properties.text("Target", "").removeprefix("integrations/"))
        try:
            guard = _guard(properties, routes.authorizers)
        except CannotAuthorize as reason:
            stack.refuse(route, f"AuthorizationType: {reason}, so {key} is left out")
            continue
        if integration is None:
            stack.refuse(route, f"Target: {properties.text('Target', 'nothing')} is no integration of this template")
        else:
            routes.add_integration(key, integration.properties, owner=route, guard=guard)


def _guard(properties: Properties, authorizers: Authorizers) -> Guard:
    kind = properties.choice("AuthorizationType", "NONE", "NONE", "JWT", "CUSTOM", "AWS_IAM")
    if kind == "NONE":
        return Guard()
    if kind == "AWS_IAM":
        return Guard(IamAuthorizer())
    authorizer = authorizers.resource(properties.text("AuthorizerId", ""))
    if isinstance(authorizer, JwtAuthorizer) != (kind == "JWT"):
        raise properties.error("AuthorizationType", f"{kind} does not fit the authorizer")
    return Guard(authorizer, properties.texts("AuthorizationScopes"))


def cors_of(properties: Properties) -> Cors:
    """A CORS configuration, in the resource's spelling or the OpenAPI extension's."""
    cors = lowered(properties)
    result = Cors(
        allow_origins=cors.texts("allowOrigins"),
        allow_methods=cors.texts("allowMethods"),
        allow_headers=cors.texts("allowHeaders"),
        expose_headers=cors.texts("exposeHeaders"),
        allow_credentials=cors.boolean("allowCredentials", default=False),
        max_age=cors.integer("maxAge", low=-1, high=86_400) if "maxAge" in cors else None,
    )
    if result.allow_credentials and "*" in result.allow_origins:
        raise cors.error("allowCredentials", "is refused by AWS together with the origin *")
    return result
