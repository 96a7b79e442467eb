"""The console's routes; it listens from the very start, so that "not ready yet" can be said."""

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime

from aiohttp import web

from samlet.console.events import stream_events
from samlet.console.guard import guard
from samlet.console.page import index
from samlet.console.watched import Mails, Timetable, Watched
from samlet.errors import SamletError, ScheduleDisabled, ScheduleNotFound

_WATCHED: web.AppKey[Watched] = web.AppKey("watched")
_MOST_SLOTS = 1000


def console(watched: Watched) -> web.Application:
    """Return the console's application over one emulator."""
    app = web.Application(middlewares=[guard])
    app[_WATCHED] = watched
    app.router.add_get("/", _index)
    app.router.add_get("/healthz", _health)
    app.router.add_get("/metrics", _metrics)
    app.router.add_get("/api/functions", _functions)
    app.router.add_get("/api/mails", _mails)
    app.router.add_delete("/api/mails", _forget_mails)
    app.router.add_get("/api/events", _events)
    app.router.add_get("/api/schedules", _schedules)
    app.router.add_get("/api/schedules/{name:.+}/next", _next_slots)
    app.router.add_post("/api/schedules/{name:.+}/{action:pause|resume}", _pause_schedule)
    app.router.add_post("/api/schedules/{name:.+}/run", _run_schedule)
    return app


async def _index(request: web.Request) -> web.Response:
    return web.Response(text=index(request.app[_WATCHED]), content_type="text/html")


async def _health(request: web.Request) -> web.Response:
    watched = request.app[_WATCHED]
    body = {"ready": watched.ready, "addresses": dict(watched.addresses), "parts": dict(watched.parts())}
    return web.json_response(body, status=200 if watched.ready else 503)


async def _metrics(request: web.Request) -> web.Response:
    page = request.app[_WATCHED].metrics()
    return web.Response(body=page, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


async def _functions(request: web.Request) -> web.Response:
    return web.json_response(dict(request.app[_WATCHED].functions()))


async def _mails(request: web.Request) -> web.Response:
    return web.json_response(list(await _asked(_sink(request).list)))


async def _forget_mails(request: web.Request) -> web.Response:
    await _asked(_sink(request).clear)
    return web.Response(status=204)


async def _events(request: web.Request) -> web.StreamResponse:
    servers = request.app[_WATCHED].kafka_servers
    if servers is None:
        raise _missing("no Kafka runs here")
    topic = request.query.get("topic", "events")
    return await stream_events(request, servers, topic, follow=request.query.get("follow") in {"1", "true"})


async def _schedules(request: web.Request) -> web.Response:
    rows = [asdict(schedule) for schedule in _timetable(request).list()]
    return web.json_response([{**row, "next": row["next"] and row["next"].isoformat()} for row in rows])


async def _next_slots(request: web.Request) -> web.Response:
    text = request.query.get("count", "10")
    # A number that is long enough is none to int(); four digits are more than may be asked for.
    count = int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else 0
    if not 1 <= count <= _MOST_SLOTS:
        raise _bad(f"count={text!r} is not from 1 to {_MOST_SLOTS}")
    try:
        slots = _timetable(request).upcoming(request.match_info["name"], count, _instant(request, "after"))
    except ScheduleNotFound as error:
        raise _missing(str(error)) from error
    return web.json_response([slot.isoformat() for slot in slots])


async def _pause_schedule(request: web.Request) -> web.Response:
    schedules, name = _timetable(request), request.match_info["name"]
    try:
        (schedules.pause if request.match_info["action"] == "pause" else schedules.resume)(name)
    except ScheduleNotFound as error:
        raise _missing(str(error)) from error
    except ScheduleDisabled as error:
        raise web.HTTPConflict(text=json.dumps({"error": str(error)}), content_type="application/json") from error
    return web.json_response({"name": name, "paused": request.match_info["action"] == "pause"})


async def _run_schedule(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    try:
        outcome = await _timetable(request).run(name, _instant(request, "at"))
    except ScheduleNotFound as error:
        raise _missing(str(error)) from error
    except SamletError as error:
        return web.json_response({"ok": False, "error": str(error)})
    return web.json_response(
        {
            "ok": outcome.ok,
            "request_id": outcome.request_id,
            "function_error": outcome.function_error,
            "payload": outcome.payload.decode(errors="replace"),
            "log": base64.b64encode(outcome.log_tail).decode(),
        }
    )


def _instant(request: web.Request, name: str) -> datetime | None:
    text = request.query.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _bad(f"{name}={text!r} is no ISO 8601 time, such as 2026-11-21T00:00:00Z") from None
    if moment.tzinfo is None:
        raise _bad(f"{name}={text!r} has no time zone; end it with Z for UTC")
    return moment.astimezone(UTC)


def _sink(request: web.Request) -> Mails:
    sink = request.app[_WATCHED].mails
    if sink is None:
        raise _missing("no mail sink runs here")
    return sink


async def _asked[Answer](ask: Callable[[], Answer]) -> Answer:
    """The answer of what may be a server elsewhere."""
    try:
        return await asyncio.to_thread(ask)
    except SamletError as error:
        raise web.HTTPBadGateway(text=json.dumps({"error": str(error)}), content_type="application/json") from error


def _timetable(request: web.Request) -> Timetable:
    schedules = request.app[_WATCHED].schedules
    if schedules is None:
        raise web.HTTPServiceUnavailable(text='{"error": "still starting"}', content_type="application/json")
    return schedules


def _missing(text: str) -> web.HTTPNotFound:
    return web.HTTPNotFound(text=json.dumps({"error": text}), content_type="application/json")


def _bad(text: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=json.dumps({"error": text}), content_type="application/json")
