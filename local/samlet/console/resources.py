"""What became of each resource of the template, and what runs where."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from aiohttp import web

from samlet.console.answers import WATCHED
from samlet.console.watched import Watched
from samlet.template import Lines, Template, Unsupported


def routes(app: web.Application) -> None:
    """Add the route."""
    app.router.add_get("/api/resources", _resources)


async def _resources(request: web.Request) -> web.Response:
    return web.json_response(resources(request.app[WATCHED]))


def resources(watched: Watched) -> dict[str, Any]:
    """Every resource with its standing, reason and line; addresses and parts."""
    template = watched.template
    return {
        "ready": watched.ready,
        "addresses": dict(watched.addresses),
        "parts": {name: part for name, part in watched.parts().items() if name != "functions"},
        "template": str(template.path) if template else None,
        "region": template.region if template else None,
        "outputs": dict(template.outputs) if template else {},
        "resources": _rows(template) if template else [],
    }


def _rows(template: Template) -> list[dict[str, Any]]:
    lines = _lines(template.path, _state(template.path))
    parts: dict[tuple[str, str], list[Unsupported]] = {}
    for part in template.unsupported:
        parts.setdefault((part.logical_id, part.type), []).append(part)
    standings = {(logical_id, kind): standing for logical_id, kind, standing in template.resources}
    rows = []
    for logical_id, kind in standings | parts:
        said = parts.get((logical_id, kind), [])
        standing = standings.get((logical_id, kind), "not run")
        # Functions and what moto made are there even if a property of theirs isn't honoured.
        if said and standing != "elsewhere" and logical_id not in template.functions:
            standing = "not run"
        line = next((part.line for part in said if part.line), None) or lines.of_resource(logical_id)
        reason = "; ".join(part.reason for part in said)
        rows.append({"id": logical_id, "type": kind, "standing": standing, "reason": reason, "line": line})
    return sorted(rows, key=lambda row: (row["line"] or 1_000_000, row["id"]))


@lru_cache(maxsize=4)
def _lines(path: Path, state: tuple[int, int]) -> Lines:  # noqa: ARG001 - another state is another text
    try:
        return Lines(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return Lines("")


def _state(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
