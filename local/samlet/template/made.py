"""Resources that are no part of Samlet but can be made in an AWS of one's own, when they are referred to."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from samlet.errors import ResourceRefused
from samlet.model import MadeResource, Push, Unsupported, WantedResource
from samlet.template.identities import Identities
from samlet.template.properties import Properties
from samlet.template.pushes import pushes

_IN_TEXT = re.compile(r"\$\{([A-Za-z0-9]+)\.([A-Za-z0-9.:_-]+)\}")


class Maker(Protocol):
    """Makes resources, one after the other."""

    def make(self, wanted: WantedResource) -> MadeResource:
        """Make it, or raise ResourceRefused."""

    def keep_only(self, logical_ids: frozenset[str]) -> None:
        """Forget what the template no longer has."""


class MadeResources:
    """Answers for resources that a `Maker` makes, and leaves the others to their stand-ins."""

    def __init__(
        self,
        stand_ins: Identities,
        resources: Mapping[str, Any],
        kinds: Mapping[str, str],
        maker: Maker,
        resolve: Callable[[Any, str], Any],
    ) -> None:
        self._stand_ins = stand_ins
        self._resources = resources
        self._kinds = kinds
        self._maker = maker
        self._resolve = resolve
        self._attributes = _attributes(resources)
        self._made: dict[str, MadeResource | None] = {}
        self.unsupported: list[Unsupported] = []

    def make_all(self) -> None:
        """Make what nobody has referred to yet, and forget what is no longer there."""
        for logical_id in self._kinds:
            self._make(logical_id)
        self._maker.keep_only(frozenset(self._kinds))

    @property
    def names(self) -> frozenset[str]:
        """The logical ids of what was made."""
        return frozenset(name for name, made in self._made.items() if made)

    def arns(self, kind: str, service: str) -> dict[str, str]:
        """The ARNs of a kind that was made, with the logical ids."""
        made = [name for name, made in self._made.items() if made and self._kinds[name] == kind]
        return {self._stand_ins.made_arn(service, str(self.ref(name))): name for name in made}

    @property
    def pushes(self) -> list[tuple[str, str, Push]]:
        """What was made has for functions, each with logical id and type of the resource."""
        made = [(name, made) for name, made in self._made.items() if made]
        return [(name, self._kinds[name], push) for name, item in made for push in item.pushes]

    def ref(self, logical_id: str) -> Any:
        """The value of `Ref`; raises LookupError if there is no such resource."""
        made = self._make(logical_id)
        return (made.ref if made else "") or self._stand_ins.ref(logical_id)

    def attribute(self, logical_id: str, name: str) -> Any:
        """The value of `Fn::GetAtt`; raises LookupError if there is no such resource."""
        made = self._make(logical_id)
        known = made.attributes if made else {}
        return known[name] if name in known else self._stand_ins.attribute(logical_id, name)

    def _make(self, logical_id: str) -> MadeResource | None:
        if logical_id not in self._kinds:
            return None
        if logical_id not in self._made:
            self._made[logical_id] = self._make_now(logical_id)
        return self._made[logical_id]

    def _make_now(self, logical_id: str) -> MadeResource | None:
        resource = self._resources[logical_id]
        first = resource.get("DependsOn") or []
        for other in [first] if isinstance(first, str) else first:
            self._make(str(other))
        place = f"Resources.{logical_id}.Properties"
        properties = self._resolve(resource.get("Properties") or {}, place)
        kind, name = self._kinds[logical_id], self._stand_ins.name(logical_id)
        asked = frozenset(self._attributes.get(logical_id, ()))
        try:
            told, notes = pushes(kind, Properties(place, properties))
            made = self._maker.make(WantedResource(logical_id, kind, name, properties, asked, told))
        except ResourceRefused as refusal:
            self._note(logical_id, str(refusal))
            return None
        for note in (*notes, *made.notes):
            self._note(logical_id, note)
        return made

    def _note(self, logical_id: str, reason: str) -> None:
        self.unsupported.append(Unsupported(logical_id, self._kinds[logical_id], reason))


def _attributes(value: Any) -> dict[str, set[str]]:
    """The attributes that are asked for anywhere in the template, by logical id."""
    found: dict[str, set[str]] = {}
    for logical_id, name in _asked(value):
        found.setdefault(logical_id, set()).add(name)
    return found


def _asked(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield from _IN_TEXT.findall(value)
    elif isinstance(value, list):
        for item in value:
            yield from _asked(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            target = item.split(".", 1) if isinstance(item, str) else item
            if key == "Fn::GetAtt" and isinstance(target, list) and len(target) == 2:
                if all(isinstance(part, str) for part in target):
                    yield target[0], target[1]
            else:
                yield from _asked(item)
