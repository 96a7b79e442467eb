"""The record as JSON: lists of invocations, one with all that is kept of it, and replay."""

from typing import Any

from aiohttp import web

from samlet.console.answers import WATCHED, conflict, missing, number
from samlet.console.copying import Copied, Place, copied
from samlet.console.masking import HIDDEN, mask_text
from samlet.console.reading import Reading, read
from samlet.console.record import LARGEST_PAYLOAD, Invocation
from samlet.console.watched import Watched
from samlet.errors import SamletError
from samlet.runtime import woken_by

_MOST_LISTED = 1_000
_MOST_IDS = 5


def routes(app: web.Application) -> None:
    """Add the routes."""
    app.router.add_get("/api/invocations", _list)
    app.router.add_get("/api/invocations/{key}", _one)
    app.router.add_get("/api/invocations/{key}/command", _command)
    app.router.add_post("/api/invocations/{key}/replay", _replay)


def summary(invocation: Invocation, watched: Watched) -> dict[str, Any]:
    """A row of the list: times in epoch seconds, durations in ms, memory in MB."""
    reading, outcome = read(invocation, watched.names), invocation.outcome
    return {
        "key": invocation.key,
        "request_id": invocation.request_id,
        "function": invocation.function,
        "qualifier": invocation.qualifier,
        "state": _state(invocation, reading),
        "status": reading.status if reading.source.kind == "http" else None,
        "attempt": invocation.attempt,
        "source": {"kind": reading.source.kind, "text": reading.source.text},
        "replay_of": _replay_of(invocation),
        "began": invocation.began,
        "ended": invocation.ended,
        "duration": outcome.duration_ms if outcome else None,
        "init": outcome.init_ms if outcome else None,
        "memory": outcome.memory_used if outcome else None,
        "ids": _correlations(invocation, reading),
    }


async def _list(request: web.Request) -> web.Response:
    watched, query = request.app[WATCHED], request.query
    limit = number(request, "limit", 200, 1, _MOST_LISTED)
    state, trace = query.get("state"), query.get("trace")
    found = [one for one in watched.record.newest() if _fits(one, query.get("function", ""), query.get("text", ""))]
    if trace:
        found = [one for one in found if trace in read(one, watched.names).correlations]
    if state:
        found = [one for one in found if _state(one, read(one, watched.names)) == state]
    found.sort(key=lambda one: (one.began, one.attempt), reverse=True)
    # Only what is told is read: under load, most of the record never is.
    rows = [summary(one, watched) for one in found[:limit]]
    return web.json_response({"invocations": rows, "matched": len(found), "forgotten": watched.record.forgotten})


async def _one(request: web.Request) -> web.Response:
    watched, invocation = request.app[WATCHED], _found(request)
    shown = (lambda text: text) if request.query.get("reveal") == "1" else mask_text
    event, answer = (content.decode(errors="replace") for content in (invocation.event, invocation.answer))
    function = watched.template.functions.get(invocation.function) if watched.template else None
    body = {
        **summary(invocation, watched),
        "event": shown(event),
        "event_size": invocation.event_size,
        "event_whole": invocation.whole,
        "copied_as": _copied(invocation, watched).runs if invocation.whole else None,
        "answer": shown(answer),
        "answer_size": invocation.answer_size,
        "answer_whole": invocation.answer_size == len(invocation.answer),
        "hides": HIDDEN in mask_text(event) + mask_text(answer),
        "error": invocation.error,
        "lines": [[line.at, shown(line.text)] for line in invocation.lines],
        "lines_left_out": invocation.lines_left_out,
        "memory_size": function.memory if function else None,
        "timeout": function.timeout if function else None,
    }
    return web.json_response(body)


async def _command(request: web.Request) -> web.Response:
    """The command with everything in it: who asks for it wants to run it."""
    command = _copied(_whole(_found(request), "copied"), request.app[WATCHED])
    return web.json_response({"command": command.text, "runs": command.runs, "note": command.note})


def _copied(invocation: Invocation, watched: Watched) -> Copied:
    path = watched.template.path if watched.template else None
    place = Place(watched.addresses, watched.state_folder, path)
    return copied(_qualified(invocation), invocation.event, place)


def _qualified(invocation: Invocation) -> str:
    return f"{invocation.function}:{invocation.qualifier}" if invocation.qualifier else invocation.function


async def _replay(request: web.Request) -> web.Response:
    watched, invocation = request.app[WATCHED], _whole(_found(request), "replayed")
    try:
        with woken_by("replay", invocation.key):
            outcome = await watched.invoke(_qualified(invocation), invocation.event)
    except SamletError as error:
        raise conflict(str(error)) from error
    body = {"request_id": outcome.request_id, "ok": outcome.ok, "replay_of": invocation.key}
    return web.json_response(body)


def _found(request: web.Request) -> Invocation:
    key = request.match_info["key"]
    invocation = request.app[WATCHED].record.find(key)
    if invocation is None:
        raise missing(f"no invocation {key} is kept (any more)")
    return invocation


def _whole(invocation: Invocation, done: str) -> Invocation:
    if not invocation.whole:
        kept, size = LARGEST_PAYLOAD // 1024, invocation.event_size
        raise conflict(f"the event has {size} bytes, {kept} kB of it are kept: it cannot be {done}")
    return invocation


def _fits(invocation: Invocation, function: str, text: str) -> bool:
    if function and invocation.function != function:
        return False
    if not text:
        return True
    needle = text.encode()
    return (
        text in invocation.key
        or text in invocation.function
        or needle in invocation.event
        or needle in invocation.answer
        or any(text in line.text for line in invocation.lines)
    )


def _state(invocation: Invocation, reading: Reading) -> str:
    """As the record has it; an HTTP answer of 500 and above is an error, too."""
    failed = invocation.state == "ok" and reading.source.kind == "http" and (reading.status or 0) >= 500
    return "error" if failed else invocation.state


def _correlations(invocation: Invocation, reading: Reading) -> list[str]:
    own = sorted(reading.correlations - {invocation.request_id})
    return own[:_MOST_IDS] if own else [invocation.request_id]


def _replay_of(invocation: Invocation) -> str | None:
    return invocation.woken.name if invocation.woken and invocation.woken.kind == "replay" else None
