"""One expanded template while it is read: its resources with resolved properties, and what cannot be run of them."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samlet.errors import TemplateError
from samlet.model import Unsupported
from samlet.template.circles import refuse_circles
from samlet.template.identities import Identities
from samlet.template.intrinsics import NO_VALUE, Resolver
from samlet.template.local_paths import declared_method
from samlet.template.properties import Properties

_FUNCTION = re.compile(
    r"(?:(?:(?:arn:[^:]+:lambda:[^:]*:)?\d{12}:|arn:[^:]+:lambda:[^:]*:[^:]*:)?function:)?([A-Za-z0-9_-]+)(?::[^:/]+)?"
)
_INVOCATION = re.compile(r"arn:[^:]+:apigateway:[^:]*:lambda:path/[^/]+/functions/(.+)/invocations")


@dataclass(frozen=True)
class Resource:
    """One resource that exists under the template's conditions; `build_method` is how `sam build` makes its code."""

    logical_id: str
    type: str
    properties: Properties
    build_method: str | None = None


class Stack:
    """The resources of an expanded document, resolved when they are asked for."""

    def __init__(
        self,
        path: Path,
        resources: Mapping[str, Any],
        resolver: Resolver,
        *,
        region: str,
        account: str,
        unpacked: Path | None = None,
        urls: Callable[[str], str] | None = None,
    ) -> None:
        self.path = path
        self.unpacked = unpacked or path.parent / ".samlet" / "code"
        self.region = region
        self.account = account
        self.unsupported: list[Unsupported] = []
        self._resolver = resolver
        self._declared = {
            logical_id: resource
            for logical_id, resource in resources.items()
            if "Condition" not in resource or resolver.holds(resource["Condition"], f"Resources.{logical_id}.Condition")
        }
        refuse_circles(self._declared, resolver)
        self.identities = Identities(self._declared, resolver.resolve, region=region, account=account, urls=urls)
        resolver.references = self.identities
        self._functions = self._function_names()

    @property
    def resources(self) -> Mapping[str, Any]:
        """The resources that exist under the template's conditions, as they are written."""
        return self._declared

    def types(self) -> Iterator[tuple[str, str]]:
        """Logical id and type of every resource, with nothing resolved."""
        return ((logical_id, resource["Type"]) for logical_id, resource in self._declared.items())

    def of_type(self, kind: str) -> Iterator[Resource]:
        """The resources of a type, with resolved properties."""
        for logical_id, resource in self._declared.items():
            if resource["Type"] == kind:
                place = f"Resources.{logical_id}.Properties"
                resolved = self._resolver.resolve(resource.get("Properties") or {}, place)
                if not isinstance(resolved, dict):
                    raise TemplateError(f"{place}: needs a map")
                yield Resource(logical_id, kind, Properties(place, resolved), declared_method(resource.get("Metadata")))

    def resolved(self, value: Any, place: str) -> Any:
        """One value of a resource, resolved."""
        return self._resolver.resolve(value, place)

    def function_at(self, target: Any) -> str | None:
        """The logical id of the function behind a name, an ARN (of an alias too) or a gateway's invocation ARN."""
        text = str(target)
        invocation = _INVOCATION.fullmatch(text)
        found = _FUNCTION.fullmatch(invocation[1] if invocation else text)
        return self._functions.get(found[1]) if found else None

    def refuse(self, resource: Resource, reason: str) -> None:
        """Notes that a resource, or a property of it that the reason names, cannot be run."""
        self.unsupported.append(Unsupported(resource.logical_id, resource.type, reason))

    def outputs(self, declared: Mapping[str, Any]) -> dict[str, str]:
        """The values of the outputs whose condition holds."""
        found = {}
        for name, output in declared.items():
            place = f"Outputs.{name}"
            if not isinstance(output, dict) or "Value" not in output:
                raise TemplateError(f"{place}.Value: is missing")
            if "Condition" in output and not self._resolver.holds(output["Condition"], f"{place}.Condition"):
                continue
            value = self._resolver.resolve(output["Value"], f"{place}.Value")
            if value is not NO_VALUE:
                found[name] = str(value)
        return found

    def _function_names(self) -> dict[str, str]:
        names: dict[str, str] = {}
        for logical_id, resource in self._declared.items():
            if resource["Type"] == "AWS::Lambda::Function":
                name = self.identities.name(logical_id)
                if name in names:
                    place = f"Resources.{logical_id}.Properties.FunctionName"
                    raise TemplateError(f"{place}: {names[name]} has the name {name} too")
                names[name] = logical_id
        return names
