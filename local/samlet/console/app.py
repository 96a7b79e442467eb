"""The console's routes; it listens from the very start, so that "not ready yet" can be said."""

from aiohttp import web

from samlet.console import invocations, mails, messages, overview, page, resources, stream, timetables, traces
from samlet.console.answers import WATCHED, missing
from samlet.console.events import stream_events
from samlet.console.guard import guard, protect
from samlet.console.watched import Watched

_LARGEST_BODY = 2 * 1024 * 1024


def console(watched: Watched) -> web.Application:
    """Return the console's application over one emulator."""
    app = web.Application(middlewares=[guard], client_max_size=_LARGEST_BODY)
    app.on_response_prepare.append(protect)
    app[WATCHED] = watched
    app.router.add_get("/healthz", _health)
    app.router.add_get("/metrics", _metrics)
    app.router.add_get("/api/functions", _functions)
    app.router.add_get("/api/events", _events)
    for part in (page, stream, overview, invocations, traces, messages, timetables, mails, resources):
        part.routes(app)
    return app


async def _health(request: web.Request) -> web.Response:
    watched = request.app[WATCHED]
    body = {"ready": watched.ready, "addresses": dict(watched.addresses), "parts": dict(watched.parts())}
    return web.json_response(body, status=200 if watched.ready else 503)


async def _metrics(request: web.Request) -> web.Response:
    text = request.app[WATCHED].metrics()
    return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


async def _functions(request: web.Request) -> web.Response:
    return web.json_response(dict(request.app[WATCHED].functions()))


async def _events(request: web.Request) -> web.StreamResponse:
    servers = request.app[WATCHED].kafka_servers
    if servers is None:
        raise missing("no Kafka runs here")
    topic = request.query.get("topic", "events")
    return await stream_events(request, servers, topic, follow=request.query.get("follow") in {"1", "true"})
