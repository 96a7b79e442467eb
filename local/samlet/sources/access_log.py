"""Access logs of HTTP APIs: one line a request, in the format that the stage gives."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from samlet.sources.response_v2 import HttpResponse

_VARIABLE = re.compile(r"\$context((?:\.[A-Za-z0-9_-]+)+)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\"\\]")


@dataclass(slots=True)
class Visit:
    """What becomes known of one request while it is answered; latencies in milliseconds."""

    route_key: str | None = None
    authorizer: Mapping[str, Any] | None = None
    authorizer_error: str | None = None
    integration_status: int | None = None
    integration_latency: int | None = None
    integration_error: str | None = None
    function_status: int | None = None
    reason: str | None = None  # why the gateway answers in place of the function, for its own log


def access_line(form: str, context: Mapping[str, Any], visit: Visit, response: HttpResponse, seconds: float) -> str:
    """Return the line: each `$context.x` of the format replaced by its value, by `-` where there is none."""
    variables = {**context, **_of_visit(visit), **_of_answer(visit, response), "responseLatency": round(seconds * 1000)}
    return _VARIABLE.sub(lambda match: _shown(variables.get(match[1][1:])), form)


def _of_visit(visit: Visit) -> dict[str, Any]:
    found: dict[str, Any] = {
        "routeKey": visit.route_key,
        "authorizer.error": visit.authorizer_error,
        "integrationErrorMessage": visit.integration_error,
        "integration.error": visit.integration_error,
        "integrationStatus": visit.integration_status,
        "integration.integrationStatus": visit.integration_status,
        "integration.status": visit.function_status,
        "integrationLatency": visit.integration_latency,
        "integration.latency": visit.integration_latency,
    }
    given = visit.authorizer or {}
    claims = given.get("jwt", {}).get("claims", {})
    found |= {f"authorizer.claims.{name}": value for name, value in claims.items()}
    return found | {f"authorizer.{name}": value for name, value in (given.get("lambda") or {}).items()}


def _of_answer(visit: Visit, response: HttpResponse) -> dict[str, Any]:
    """Status and length; an answer that no function gave is an error of the gateway's own, with a message."""
    found: dict[str, Any] = {"status": response.status, "responseLength": len(response.body)}
    if visit.function_status is None and response.status >= 400:
        message = json.loads(response.body)["message"]
        found |= {"error.message": message, "error.messageString": json.dumps(message)}
    return found


def _shown(value: Any) -> str:
    """The value in one line, escaped so that a format in JSON stays JSON."""
    if value is None or value == "":
        return "-"
    text = value if isinstance(value, str) else json.dumps(value)
    return _CONTROL.sub(lambda match: json.dumps(match[0])[1:-1], text)
