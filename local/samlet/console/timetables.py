"""The schedules over HTTP: when they fire next, run, pause and resume, and how the last firing ended."""

import base64
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from samlet.console.answers import WATCHED, bad, conflict, missing, number
from samlet.console.watched import Timetable, Watched
from samlet.errors import SamletError, ScheduleDisabled, ScheduleNotFound

_MOST_SLOTS = 1000


def routes(app: web.Application) -> None:
    """Add the routes; names may hold slashes."""
    app.router.add_get("/api/schedules", _list)
    app.router.add_get("/api/schedules/{name:.+}/next", _next_slots)
    app.router.add_post("/api/schedules/{name:.+}/{action:pause|resume}", _pause)
    app.router.add_post("/api/schedules/{name:.+}/run", _run)


def schedules(watched: Watched, timetable: Timetable) -> list[dict[str, Any]]:
    """Every schedule; `last` is the newest invocation that it is known to have caused."""
    last: dict[str, dict[str, Any]] = {}
    for one in watched.record.newest():
        if one.woken and one.woken.kind == "schedule" and one.woken.name not in last:
            last[one.woken.name] = {"key": one.key, "state": one.state, "began": one.began}
    rows = [asdict(schedule) for schedule in timetable.list()]
    return [{**row, "next": row["next"] and row["next"].isoformat(), "last": last.get(row["name"])} for row in rows]


async def _list(request: web.Request) -> web.Response:
    return web.json_response(schedules(request.app[WATCHED], _timetable(request)))


async def _next_slots(request: web.Request) -> web.Response:
    count = number(request, "count", 10, 1, _MOST_SLOTS)
    try:
        slots = _timetable(request).upcoming(request.match_info["name"], count, _instant(request, "after"))
    except ScheduleNotFound as error:
        raise missing(str(error)) from error
    return web.json_response([slot.isoformat() for slot in slots])


async def _pause(request: web.Request) -> web.Response:
    timetable, name = _timetable(request), request.match_info["name"]
    try:
        (timetable.pause if request.match_info["action"] == "pause" else timetable.resume)(name)
    except ScheduleNotFound as error:
        raise missing(str(error)) from error
    except ScheduleDisabled as error:
        raise conflict(str(error)) from error
    return web.json_response({"name": name, "paused": request.match_info["action"] == "pause"})


async def _run(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    try:
        outcome = await _timetable(request).run(name, _instant(request, "at"))
    except ScheduleNotFound as error:
        raise missing(str(error)) from error
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
        raise bad(f"{name}={text!r} is no ISO 8601 time, such as 2026-11-21T00:00:00Z") from None
    if moment.tzinfo is None:
        raise bad(f"{name}={text!r} has no time zone; end it with Z for UTC")
    return moment.astimezone(UTC)


def _timetable(request: web.Request) -> Timetable:
    found = request.app[WATCHED].schedules
    if found is None:
        raise web.HTTPServiceUnavailable(text='{"error": "still starting"}', content_type="application/json")
    return found
