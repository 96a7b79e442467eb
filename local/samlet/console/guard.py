"""Keeps other web sites out: the console has no password, so a page elsewhere must not reach it through the browser."""

from aiohttp import web
from aiohttp.typedefs import Handler

from samlet.web import is_foreign, names_loopback

_SAFE_METHODS = frozenset({"GET", "HEAD"})


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a Host that is no loopback name (DNS rebinding), and changes that another origin asks for.

    Prometheus asks for the metrics under whatever name it knows us by; they are figures and nothing else.
    """
    if request.path != "/metrics" and not names_loopback(request):
        return web.json_response({"error": "the console answers to loopback names only"}, status=403)
    if request.method not in _SAFE_METHODS and is_foreign(request):
        return web.json_response({"error": "another origin may not change anything here"}, status=403)
    return await handler(request)


async def protect(_request: web.Request, response: web.StreamResponse) -> None:
    """Say of every answer, refusals and streams too, that other sites have no use for it."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.setdefault(
        "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"
    )
