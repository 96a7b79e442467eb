"""Which route of an HTTP API serves a request: full match, then greedy match, then `$default`, as on AWS."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from samlet.model import Route

_LITERAL, _VARIABLE, _GREEDY = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Match:
    """A route with its decoded path parameters."""

    route: Route
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Segment:
    kind: int
    text: str


@dataclass(frozen=True, slots=True)
class _Path:
    segments: tuple[_Segment, ...]
    methods: Mapping[str, Route]

    @property
    def rank(self) -> tuple[object, ...]:
        """Sort key: paths without a greedy part first, then literal before variable, segment by segment."""
        kinds = tuple(segment.kind for segment in self.segments)
        return (_GREEDY in kinds, kinds, -len(kinds))

    def parameters(self, parts: Sequence[str]) -> dict[str, str] | None:
        """Return the path parameters if `parts` is served by this path."""
        found: dict[str, str] = {}
        for position, segment in enumerate(self.segments):
            if position >= len(parts) or (segment.kind != _LITERAL and not parts[position]):
                return None
            if segment.kind == _GREEDY:
                found[segment.text] = "/".join(parts[position:])
                return found
            if segment.kind == _VARIABLE:
                found[segment.text] = parts[position]
            elif segment.text != parts[position]:
                return None
        return found if len(parts) == len(self.segments) else None


class RouteTable:
    """The routes of one API, in matching order."""

    def __init__(self, routes: Iterable[Route]) -> None:
        by_path: dict[str, dict[str, Route]] = {}
        for route in routes:
            by_path.setdefault(route.path, {})[route.method.upper()] = route
        self._default = next(iter(by_path.pop("$default", {}).values()), None)
        self._literal = {path: methods for path, methods in by_path.items() if "{" not in path}
        paths = (_Path(_segments(path), methods) for path, methods in by_path.items() if "{" in path)
        self._patterns = sorted(paths, key=lambda path: path.rank)

    def find(self, method: str, parts: Sequence[str]) -> Match | None:
        """Return the route for a path given as its decoded segments, `/a/b` being `["a", "b"]`."""
        literal = _serving(self._literal.get("/" + "/".join(parts), {}), method)
        if literal and not any("/" in part for part in parts):
            return Match(literal, {})
        for path in self._patterns:
            route = _serving(path.methods, method)
            if route and (parameters := path.parameters(parts)) is not None:
                return Match(route, parameters)
        return Match(self._default, {}) if self._default else None


def _serving(methods: Mapping[str, Route], method: str) -> Route | None:
    return methods.get(method) or methods.get("ANY")


def _segments(path: str) -> tuple[_Segment, ...]:
    return tuple(_segment(part) for part in path.removeprefix("/").split("/"))


def _segment(part: str) -> _Segment:
    if not (part.startswith("{") and part.endswith("}")):
        return _Segment(_LITERAL, part)
    name = part[1:-1]
    return _Segment(_GREEDY, name[:-1]) if name.endswith("+") else _Segment(_VARIABLE, name)
