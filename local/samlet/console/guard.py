"""Keeps other web sites out: the console has no password, so a page elsewhere must not reach it through the browser."""

from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

_OURS = frozenset({"127.0.0.1", "localhost", "::1"})
_SAFE_METHODS = frozenset({"GET", "HEAD"})


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a Host that is no loopback name (DNS rebinding), and changes that another origin asks for.

    Prometheus asks for the metrics under whatever name it knows us by; they are figures and nothing else.
    """
    if request.path != "/metrics" and _hostname(f"//{request.headers.get('Host', '')}") not in _OURS:
        return web.json_response({"error": "the console answers to loopback names only"}, status=403)
    if request.method not in _SAFE_METHODS and _foreign(request):
        return web.json_response({"error": "another origin may not change anything here"}, status=403)
    try:
        response = await handler(request)
    except web.HTTPException as error:
        _protect(error)
        raise
    if not response.prepared:
        _protect(response)
    return response


def _protect(response: web.StreamResponse) -> None:
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.setdefault(
        "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"
    )


def _foreign(request: web.Request) -> bool:
    """Whether a browser says that a page of another origin asks; command-line clients say nothing."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        return True
    origin = request.headers.get("Origin")
    return origin is not None and origin != f"http://{request.headers['Host']}"


def _hostname(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
