"""The project's web page: static files and the generated /config.json; and what tells other sites' pages from ours."""

import mimetypes
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from samlet.project import Web

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}


_LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})


def is_foreign(request: web.Request) -> bool:
    """Whether a browser says that a page of another origin asks; command-line clients say nothing."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        return True
    origin = request.headers.get("Origin")
    return origin is not None and origin != f"http://{request.headers.get('Host')}"


def names_loopback(request: web.Request) -> bool:
    """Whether the client knows us by a name of this machine; another one may be a web page's that leads here."""
    try:
        return urlsplit(f"//{request.headers.get('Host', '')}").hostname in _LOOPBACK_NAMES
    except ValueError:
        return False


def static_site(site: Web, config: Mapping[str, str], url: str) -> web.Application:
    """Return the server of `site` at `url`; the origins of the URLs in `config` are the ones the page may call."""
    app = web.Application(middlewares=[_headers(_policy(config)), _canonical_host(url)])

    async def answer_config(_: web.Request) -> web.Response:
        return web.json_response(dict(config))

    async def answer_file(request: web.Request) -> web.StreamResponse:
        return _file(site.root, request.match_info["path"])

    app.router.add_get("/config.json", answer_config)
    app.router.add_get("/{path:.*}", answer_file)
    return app


def _policy(config: Mapping[str, str]) -> str:
    parts = (urlsplit(value) for value in config.values())
    origins = sorted({f"{part.scheme}://{part.netloc}" for part in parts if part.scheme in {"http", "https"}})
    return "; ".join(
        [
            "default-src 'self'",
            f"connect-src {' '.join(["'self'", *origins])}",
            "img-src 'self' data:",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    )


def _headers(policy: str) -> Middleware:
    @web.middleware
    async def add(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await handler(request)
        except web.HTTPException as error:
            response = web.Response(status=error.status, text=error.reason, headers=_kept(error))
        response.headers["Content-Security-Policy"] = policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-cache"
        return response

    return add


def _kept(error: web.HTTPException) -> dict[str, str]:
    return {name: error.headers[name] for name in ("Location", "Allow") if name in error.headers}


def _canonical_host(url: str) -> Middleware:
    """Send a browser that came by another name (localhost) to the one origin that the API allows."""
    canonical = urlsplit(url)

    @web.middleware
    async def redirect(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.host.lower() in {f"localhost:{canonical.port}", f"[::1]:{canonical.port}"}:
            raise web.HTTPTemporaryRedirect(f"{canonical.scheme}://{canonical.netloc}{request.raw_path}")
        return await handler(request)

    return redirect


def _file(root: Path, wanted: str) -> web.FileResponse:
    if "\0" in wanted:
        raise web.HTTPNotFound
    path = (root / wanted.lstrip("/")).resolve()
    if path.is_dir():
        path /= "index.html"
    if not path.is_relative_to(root) or not path.is_file():
        raise web.HTTPNotFound
    kind = _TYPES.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    # FileResponse makes the ETag and answers If-None-Match and Range.
    return web.FileResponse(path, headers={"Content-Type": kind})
