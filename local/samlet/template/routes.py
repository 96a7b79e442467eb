"""Collects the routes of one HTTP API, and says of each one that cannot be served why."""

from dataclasses import dataclass

from samlet.model import Route
from samlet.template.authorizers import Authorizer, Authorizers, lowered, with_variables
from samlet.template.properties import Properties
from samlet.template.route_keys import check_key, method_and_path, nameless, slip
from samlet.template.stack import Resource, Stack
from samlet.template.stages import Stage

_LONGEST = 30_000


@dataclass(frozen=True)
class Guard:
    """Who decides whether a request may pass, and by which scopes."""

    authorizer: Authorizer | None = None
    scopes: tuple[str, ...] = ()


class Routes:
    """The routes of an API as one stage serves them; later ones replace earlier ones of the same key."""

    def __init__(self, stack: Stack, api: Resource, runnable: set[str], stage: Stage, authorizers: Authorizers) -> None:
        self.authorizers = authorizers
        self._stack = stack
        self._api = api
        self._runnable = runnable
        self._stage = stage
        self._routes: dict[str, Route] = {}
        self._seen: dict[str, str] = {}

    def found(self) -> tuple[Route, ...]:
        """The routes that can be served."""
        return tuple(self._routes.values())

    def refuse(self, key: str, reason: str, owner: Resource | None = None) -> None:
        """Notes that a route cannot be served."""
        self._stack.refuse(owner or self._api, f"{key}: {reason}")

    def takes(self, key: str, properties: Properties, name: str, owner: Resource | None = None) -> bool:
        """Whether AWS takes the key, which the property `name` gives; notes why it doesn't.

        Raises TemplateError if it is no key at all.
        """
        check_key(key, properties, name)
        reason = slip(key)
        first = key if reason else self._seen.setdefault(nameless(key), key)
        if first != key:
            reason = f"AWS takes no other name of the variable in {first}, so it is left out; use one name"
        if reason:
            self.refuse(f"RouteKey: {key}" if name == "RouteKey" else key, reason, owner)
        return reason is None

    def add_integration(
        self, key: str, integration: Properties, owner: Resource | None = None, guard: Guard | None = None
    ) -> None:
        """Adds a route by its integration, in the OpenAPI extension's spelling or the resource's."""
        properties = lowered(integration)
        kind = properties.text("integrationType", properties.text("type", "")).upper()
        if kind != "AWS_PROXY" or "integrationSubtype" in properties:
            self.refuse(
                key, f"integrations of type {kind or 'nothing'} are not run, only AWS_PROXY to a function", owner
            )
        else:
            if properties.raw("requestParameters") or properties.raw("responseParameters"):
                self.refuse(key, "parameter mappings of the integration are not applied", owner)
            uri = properties.text("integrationUri", properties.text("uri", ""))
            version = properties.choice("payloadFormatVersion", "1.0", "1.0", "2.0")
            self.add(key, uri, properties, owner, guard, version)

    def add(
        self,
        key: str,
        target: str,
        properties: Properties,
        owner: Resource | None = None,
        guard: Guard | None = None,
        version: str = "2.0",
    ) -> None:
        """Adds a route to a function; `properties` may hold its time-out, `timeoutInMillis`."""
        target = with_variables(target, self._stage.variables)
        function = self._stack.function_at(target)
        if function is None:
            self.refuse(key, f"{target or 'its target'} is no function of this template", owner)
        elif function not in self._runnable:
            self.refuse(key, f"its function {function} cannot be run", owner)
        else:
            method, path = method_and_path(key)
            timeout = properties.integer("timeoutInMillis", _LONGEST, low=50, high=_LONGEST)
            guard = guard or Guard()
            self._routes[key] = Route(
                method,
                path,
                function,
                timeout,
                guard.authorizer,
                guard.scopes,
                "1.0" if version == "1.0" else "2.0",
                self._stage.throttle(key),
            )
