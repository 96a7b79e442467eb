"""The console's page: files that lie beside this module, served as they are."""

import mimetypes
from importlib.resources import files

from aiohttp import web

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FILES = files("samlet.console") / "static"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}
_FOLDERS = ("", "views/")


def routes(app: web.Application) -> None:
    """Add the page at `/` and its parts below `/static/`."""
    app.router.add_get("/", _index)
    app.router.add_get("/static/{path:.+}", _part)


async def _index(_: web.Request) -> web.Response:
    return _file("index.html")


async def _part(request: web.Request) -> web.Response:
    path = request.match_info["path"]
    if path not in _known():
        raise web.HTTPNotFound
    return _file(path)


def _known() -> set[str]:
    return {folder + entry.name for folder in _FOLDERS for entry in (_FILES / folder).iterdir() if entry.is_file()}


def _file(path: str) -> web.Response:
    suffix = path[path.rindex(".") :]
    kind = _TYPES.get(suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"
    headers = {"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-cache"}
    return web.Response(body=(_FILES / path).read_bytes(), content_type=kind, charset="utf-8", headers=headers)
