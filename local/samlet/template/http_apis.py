"""HTTP APIs of a template: from an OpenAPI body, from routes and integrations of their own, or both."""

from samlet.model import Cors, HttpApi
from samlet.template.openapi import body_routes
from samlet.template.properties import Properties
from samlet.template.routes import Routes
from samlet.template.stack import Resource, Stack


def http_apis(stack: Stack, runnable: set[str]) -> tuple[HttpApi, ...]:
    """Every HTTP API; its routes lead to `runnable` functions only, the others are noted as unsupported."""
    found = []
    for resource in stack.of_type("AWS::ApiGatewayV2::Api"):
        if resource.properties.text("ProtocolType", "HTTP").upper() != "HTTP":
            stack.refuse(resource, "ProtocolType: WebSocket APIs are not run")
        else:
            found.append(_http_api(stack, resource, runnable))
    return tuple(found)


def _http_api(stack: Stack, resource: Resource, runnable: set[str]) -> HttpApi:
    properties = resource.properties
    routes = Routes(stack, resource, runnable)
    if "BodyS3Location" in properties:
        stack.refuse(resource, "BodyS3Location: the OpenAPI document lies in S3")
    body = properties.inner("Body")
    body_routes(routes, body)
    if "Target" in properties:
        routes.add("$default", properties.text("RouteKey", "$default"), properties.text("Target"), properties)
    _own_routes(stack, resource.logical_id, routes)
    configured = "CorsConfiguration" in properties
    cors = properties.inner("CorsConfiguration") if configured else body.inner("x-amazon-apigateway-cors")
    return HttpApi(
        logical_id=resource.logical_id,
        routes=routes.found(),
        cors=_cors(cors) if configured or "x-amazon-apigateway-cors" in body else None,
        stage=_stage(stack, resource.logical_id),
    )


def _own_routes(stack: Stack, api: str, routes: Routes) -> None:
    """Adds the `AWS::ApiGatewayV2::Route` resources of an API."""
    integrations = {found.logical_id: found for found in stack.of_type("AWS::ApiGatewayV2::Integration")}
    for route in stack.of_type("AWS::ApiGatewayV2::Route"):
        properties = route.properties
        if properties.text("ApiId") != api:
            continue
        key = properties.text("RouteKey")
        integration = integrations.get(properties.text("Target", "").removeprefix("integrations/"))
        if properties.text("AuthorizationType", "NONE") != "NONE":
            stack.refuse(route, f"AuthorizationType: authorizers are not run, so {key} is left out")
        elif integration is None:
            stack.refuse(route, f"Target: {properties.text('Target', 'nothing')} is no integration of this template")
        else:
            routes.add_integration(key, integration.properties, owner=route)


def _cors(properties: Properties) -> Cors:
    # The resource's property and the OpenAPI extension differ in the case of the first letter.
    lower = {name[:1].lower() + name[1:]: properties.raw(name) for name in properties}
    cors = Properties(properties.place, lower)
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


def _stage(stack: Stack, api: str) -> str:
    stages = [stage for stage in stack.of_type("AWS::ApiGatewayV2::Stage") if stage.properties.text("ApiId") == api]
    names = {stage.properties.text("StageName"): stage for stage in stages}
    chosen = "$default" if not names or "$default" in names else next(iter(names))
    for name, stage in names.items():
        if name != chosen:
            stack.refuse(stage, f"StageName: one stage an API is served, and that is {chosen}")
        if stage.properties.raw("StageVariables"):
            stack.refuse(stage, "StageVariables: are not given to the functions")
    return chosen
