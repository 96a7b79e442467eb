"""The functions as the console shows them: what they are, what wakes them, and what they have done since the start."""

import time
from typing import Any

from aiohttp import web

from samlet.console.answers import WATCHED
from samlet.console.figures import Figures
from samlet.console.watched import Watched
from samlet.template import Template


def routes(app: web.Application) -> None:
    """Add the route."""
    app.router.add_get("/api/overview", _overview)


async def _overview(request: web.Request) -> web.Response:
    return web.json_response(overview(request.app[WATCHED]))


def overview(watched: Watched) -> list[dict[str, Any]]:
    """Every function; of its variables the names alone."""
    template, now = watched.template, time.time()
    if template is None:
        return []
    status, figures, running = watched.functions(), watched.record.figures, watched.record.running_since()
    return [
        {
            "id": logical_id,
            "name": function.name,
            "runtime": function.runtime,
            "handler": function.handler,
            "memory": function.memory,
            "timeout": function.timeout,
            "reserved": function.reserved_concurrency,
            "code": function.code.name,
            "layers": [layer.name for layer in function.layers],
            "variables": sorted(function.environment),
            "woken_by": _woken_by(template, logical_id),
            "background": _in_background(template, logical_id),
            "running_since": running.get(logical_id),
            "limit": status.get(logical_id, {}).get("limit"),
            "sandboxes": status.get(logical_id, {}).get("sandboxes", []),
            **figures.get(logical_id, Figures()).told(now),
        }
        for logical_id, function in template.functions.items()
    ]


def _in_background(template: Template, function: str) -> bool:
    """Whether the template wakes it and nobody waits for its answer: then its duration is its work, not a delay."""
    asked = any(route.function == function for api in (*template.apis, *template.function_urls) for route in api.routes)
    return not asked and bool(_woken_by(template, function))


def _woken_by(template: Template, function: str) -> list[str]:
    routes = [route.key for api in template.apis for route in api.routes if route.function == function]
    urls = ["function URL" for url in template.function_urls if any(route.function == function for route in url.routes)]
    schedules = [schedule.name for schedule in template.schedules if schedule.function == function]
    topics = [mapping.topic for mapping in template.kafka_mappings if mapping.function == function]
    queues = [mapping.arn.rpartition(":")[2] for mapping in template.queue_mappings if mapping.function == function]
    pushes = [mapping.push for mapping in template.push_mappings if mapping.function == function]
    buckets, news = ([push.source for push in pushes if push.kind == kind] for kind in ("s3", "sns"))
    named = (
        ("schedule", schedules), ("topic", topics), ("queue", queues), ("bucket", buckets), ("SNS topic", news),
    )  # fmt: skip
    return [*routes, *urls, *(f"{kind} {name}" for kind, names in named for name in names)]
