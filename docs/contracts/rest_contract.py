"""The REST contract, generated from the routes: one document for the three HTTP functions, twice, byte for byte.

docs/contracts/rest/openapi.json is the contract; functions/meta/openapi.json is the copy that `meta` serves.
"""

import json
from pathlib import Path
from typing import Any

from fastapi import FastAPI

import auth.routes
import meta.routes
import tasks.routes
from taskflow import problems

CHECKOUT = Path(__file__).resolve().parents[2]
PLACES = (CHECKOUT / "docs/contracts/rest/openapi.json", CHECKOUT / "functions/meta/openapi.json")
_DESCRIPTION = (
    "An event-driven to-do service. Times are RFC 3339 in UTC, ids are UUIDs, "
    "errors are application/problem+json with a stable code."
)
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        **{name: {"type": "string"} for name in ("type", "title", "detail", "code", "request_id")},
        "status": {"type": "integer"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "message"],
                "properties": {name: {"type": "string"} for name in ("field", "code", "message")},
            },
        },
    },
}
_BODY_ERRORS = (problems.MalformedBody, problems.BodyTooLarge, problems.UnsupportedBody)
_EXTRA = {
    ("post", "/auth/register"): (problems.EmailTaken,),
    ("post", "/auth/login"): (problems.InvalidCredentials, problems.TooManyAttempts),
    ("post", "/auth/refresh"): (problems.Unauthenticated,),
    ("delete", "/me"): (problems.TooManyAttempts,),
    ("patch", "/tasks/{task_id}"): (problems.PreconditionFailed,),
    ("delete", "/tasks/{task_id}"): (problems.PreconditionFailed,),
}


def documents() -> dict[Path, str]:
    """Each file of the contract and what it has to contain."""
    text = json.dumps(_document(), indent=2, ensure_ascii=False) + "\n"
    return dict.fromkeys(PLACES, text)


def _document() -> dict[str, Any]:
    app = FastAPI(title="Taskflow", version="1", description=_DESCRIPTION)
    for routes in (auth.routes, tasks.routes, meta.routes):
        app.include_router(routes.router)
    document = app.openapi()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _add_problems(method, path, operation)
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = _PROBLEM
    return document


def _add_problems(method: str, path: str, operation: dict[str, Any]) -> None:
    kinds: list[type[problems.Problem]] = [*_EXTRA.get((method, path), ())]
    if "security" in operation:
        kinds.append(problems.Unauthenticated)
    if "requestBody" in operation:
        kinds.extend(_BODY_ERRORS)
    if "{task_id}" in path:
        kinds.append(problems.NotFound)
    if operation["responses"].pop("422", None) is not None:
        kinds.append(problems.InvalidRequest)
    if path != "/healthz":
        kinds.append(problems.Unavailable)
    for kind in sorted(set(kinds), key=lambda kind: (kind.status, kind.code)):
        operation["responses"][str(kind.status)] = {
            "description": f"`{kind.code}`: {kind.detail}",
            "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
