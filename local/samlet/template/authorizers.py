"""Authorizers of one HTTP API: from the security schemes of its OpenAPI body, and from resources of their own."""

import re
from collections.abc import Mapping

from samlet.model import IamAuthorizer, JwtAuthorizer, LambdaAuthorizer
from samlet.template.properties import Properties
from samlet.template.stack import Stack

type Authorizer = JwtAuthorizer | LambdaAuthorizer | IamAuthorizer

_EXTENSION = "x-amazon-apigateway-authorizer"
_SOURCE = re.compile(r"\$request\.(?:header|querystring)\.\S+|\$context\.[\w.]+|\$stageVariables\.\w+")
_LONGEST = 3_600  # seconds that AWS keeps an answer at most
_USUAL = 300
_VARIABLE = re.compile(r"\$\{stageVariables\.(\w+)\}")


class CannotAuthorize(Exception):
    """An authorizer that cannot be run; the text says why, and its routes are left out rather than left open."""


class Authorizers:
    """The authorizers of one API as one stage sees them, read when a route asks for them."""

    def __init__(self, stack: Stack, body: Properties, runnable: set[str], variables: Mapping[str, str]) -> None:
        self._stack = stack
        self._schemes = body.inner("components").inner("securitySchemes")
        self._runnable = runnable
        self._variables = variables

    def scheme(self, name: str) -> Authorizer:
        """The authorizer behind a security scheme; raises CannotAuthorize."""
        if name not in self._schemes:
            raise CannotAuthorize(f"there is no security scheme {name}")
        scheme = self._schemes.inner(name)
        if _EXTENSION not in scheme:
            kind = scheme.text("x-amazon-apigateway-authtype", name)
            if kind.upper() in ("AWSSIGV4", "AWS_IAM"):
                return IamAuthorizer()
            raise CannotAuthorize(_unknown(kind))
        return self._read(name, scheme.inner(_EXTENSION), "type")

    def resource(self, reference: str) -> Authorizer:
        """The authorizer behind a route's `AuthorizerId`; raises CannotAuthorize."""
        logical_id = reference.removesuffix(".AuthorizerId")
        for found in self._stack.of_type("AWS::ApiGatewayV2::Authorizer"):
            if found.logical_id == logical_id:
                return self._read(logical_id, found.properties, "authorizerType")
        raise CannotAuthorize(f"{reference or 'nothing'} is no authorizer of this template")

    def _read(self, name: str, properties: Properties, kind: str) -> Authorizer:
        properties = lowered(properties)
        wanted = properties.text(kind, "").upper()
        if wanted == "JWT":
            return _jwt(properties)
        if wanted == "REQUEST":
            return self._lambda(name, properties)
        raise CannotAuthorize(_unknown(wanted))

    def _lambda(self, name: str, properties: Properties) -> LambdaAuthorizer:
        uri = with_variables(properties.text("authorizerUri"), self._variables)
        function = self._stack.function_at(uri)
        if function is None:
            raise CannotAuthorize(f"{uri} is no function of this template")
        if function not in self._runnable:
            raise CannotAuthorize(f"its function {function} cannot be run")
        version = properties.choice("authorizerPayloadFormatVersion", None, "1.0", "2.0")
        simple = properties.boolean("enableSimpleResponses", default=False)
        if simple and version == "1.0":
            raise properties.error("enableSimpleResponses", "goes with payload format 2.0 only")
        sources = _sources(properties)
        usual = _USUAL if sources else 0  # without identity sources there is nothing to tell callers apart by
        ttl = properties.integer("authorizerResultTtlInSeconds", usual, low=0, high=_LONGEST)
        if ttl and not sources:
            raise properties.error("authorizerResultTtlInSeconds", "needs an identity source to keep answers by")
        return LambdaAuthorizer(name, function, sources, "1.0" if version == "1.0" else "2.0", simple, ttl)


def lowered(properties: Properties) -> Properties:
    """The same properties as OpenAPI's extensions spell them, which differ in the case of the first letter."""
    return Properties(properties.place, {name[:1].lower() + name[1:]: properties.raw(name) for name in properties})


def with_variables(text: str, variables: Mapping[str, str]) -> str:
    """The text with `${stageVariables.x}` replaced; what is no variable of the stage becomes empty, as on AWS."""
    return _VARIABLE.sub(lambda match: variables.get(match[1], ""), text)


def _jwt(properties: Properties) -> JwtAuthorizer:
    configuration = lowered(properties.inner("jwtConfiguration"))
    audience = configuration.texts("audience")
    if not audience:
        raise configuration.error("audience", "is missing")
    sources = _sources(properties) or ("$request.header.Authorization",)
    if len(sources) > 1 or not sources[0].startswith("$request."):
        raise properties.error("identitySource", "needs one header or query parameter, such as $request.header.Name")
    return JwtAuthorizer(configuration.text("issuer"), audience, sources[0])


def _sources(properties: Properties) -> tuple[str, ...]:
    given = properties.raw("identitySource")
    if isinstance(given, str):
        sources = tuple(source.strip() for source in given.split(","))
    else:
        sources = properties.texts("identitySource")
    for source in sources:
        if not _SOURCE.fullmatch(source):
            raise properties.error("identitySource", f"{source} is none; one looks like $request.header.Name")
    return sources


def _unknown(kind: str) -> str:
    return f"authorizers of type {kind or 'nothing'} are not run"
