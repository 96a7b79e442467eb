"""The topics over HTTP: what there is, messages, produce and redrive."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from samlet.console.answers import WATCHED, asked, bad, json_body, missing, number
from samlet.console.topics import MOST_MESSAGES, Topics, Wanted, told
from samlet.kafka_access import Bootstrap, as_json
from samlet.template import Template


def routes(app: web.Application) -> None:
    """Add the routes; `/api/events`, which prints a topic from its beginning, is the command line's."""
    app.router.add_get("/api/kafka", _kafka)
    app.router.add_get("/api/topics", _overview)
    app.router.add_get("/api/topics/{topic}/messages", _messages)
    app.router.add_get("/api/topics/{topic}/messages/{partition}/{offset}", _message)
    app.router.add_post("/api/topics/{topic}/messages", _produce)
    app.router.add_post("/api/topics/{topic}/redrive", _redrive)


def dead_topics(template: Template | None) -> dict[str, str]:
    """The topics for records that a mapping gave up, with the topic they came from."""
    mappings = template.kafka_mappings if template else ()
    found = {}
    for mapping in mappings:
        if mapping.on_failure and mapping.on_failure.startswith("kafka://"):
            found[mapping.on_failure.removeprefix("kafka://")] = mapping.topic
    return found


async def _kafka(request: web.Request) -> web.Response:
    """Where the Kafka is, for the commands that talk to it themselves; of secrets only where they are."""
    return web.json_response(as_json(_servers(request)))


async def _overview(request: web.Request) -> web.Response:
    sources = dead_topics(request.app[WATCHED].template)
    rows = await asked(_topics(request).overview)
    return web.json_response([{**row, "dead_of": sources.get(row["name"])} for row in rows])


async def _messages(request: web.Request) -> web.Response:
    query = request.query
    wanted = Wanted(
        number(request, "partition", 0) if query.get("partition") else None,
        number(request, "offset", 0) if query.get("offset") else None,
        query.get("text", ""),
        number(request, "limit", 50, 1, MOST_MESSAGES),
    )
    topics, topic = _topics(request), request.match_info["topic"]
    return web.json_response(await asked(lambda: topics.messages(topic, wanted)))


async def _message(request: web.Request) -> web.Response:
    match = request.match_info
    if not (match["partition"].isdecimal() and match["offset"].isdecimal() and len(match["offset"]) < 20):
        raise missing("partition and offset are numbers")
    topics, topic, partition, offset = _topics(request), match["topic"], int(match["partition"]), int(match["offset"])
    record = await asked(lambda: topics.message(topic, partition, offset))
    if record is None:
        raise missing(f"{topic}-{partition} has no message {offset} (any more)")
    return web.json_response(told(record))


async def _produce(request: web.Request) -> web.Response:
    body = await json_body(request)
    key, value, headers = body.get("key"), body.get("value"), body.get("headers", {})
    if not _is_text(key) or not _is_text(value):
        raise bad("key and value are texts or null")
    if not isinstance(headers, dict) or not all(isinstance(text, str) for text in headers.values()):
        raise bad("headers is an object of texts")
    topics, topic = _topics(request), request.match_info["topic"]
    await asked(lambda: topics.produce(topic, key, value, headers))
    return web.json_response({"produced": 1}, status=201)


async def _redrive(request: web.Request) -> web.Response:
    body, topic = await json_body(request), request.match_info["topic"]
    target = body.get("to") or dead_topics(request.app[WATCHED].template).get(topic)
    if not isinstance(target, str):
        raise bad(f"no mapping of the template gives up records into {topic}: say where `to`")
    chosen = body.get("messages")
    places = None if chosen is None else [_place(entry) for entry in _entries(chosen)]
    topics = _topics(request)
    moved = await asked(lambda: topics.redrive(topic, target, places))
    return web.json_response({"redriven": moved, "to": target})


def _entries(chosen: Any) -> list[Any]:
    if not isinstance(chosen, list):
        raise bad("messages is a list of partitions and offsets")
    return chosen


def _place(entry: Any) -> tuple[int, int]:
    if isinstance(entry, Mapping):
        partition, offset = entry.get("partition"), entry.get("offset")
        if type(partition) is int and type(offset) is int:
            return partition, offset
    raise bad("a message is named as {partition, offset}")


def _is_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _topics(request: web.Request) -> Topics:
    return Topics(_servers(request))


def _servers(request: web.Request) -> Bootstrap:
    servers: Bootstrap | None = request.app[WATCHED].kafka_servers
    if servers is None:
        raise missing("no Kafka runs here")
    return servers
