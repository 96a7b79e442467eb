"""Every error that an HTTP caller can meet, as a tree, and the one function that turns any exception into an answer.

Problem
├── MalformedBody       400 malformed_body
├── Unauthenticated     401 unauthenticated
├── InvalidCredentials  401 invalid_credentials
├── NotFound            404 not_found
├── MethodNotAllowed    405 method_not_allowed
├── EmailTaken          409 email_taken
├── PreconditionFailed  412 precondition_failed
├── BodyTooLarge        413 body_too_large
├── UnsupportedBody     415 unsupported_media_type
├── InvalidRequest      422 invalid_request, with a list of fields
├── TooManyAttempts     429 too_many_attempts
├── Unexpected          500 internal_error
└── Unavailable         503 unavailable
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from taskflow.outage import DatabaseUnavailable

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field; `field` is its path, such as `body.title`."""

    field: str
    code: str
    message: str


class Problem(Exception):
    """An answer other than success; `code` is stable, the words are for people."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    detail: ClassVar[str] = "Something went wrong on our side."

    def __init__(
        self,
        detail: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        errors: tuple[FieldError, ...] = (),
    ) -> None:
        super().__init__(detail or self.detail)
        self.headers = dict(headers or {})
        self.errors = errors


class MalformedBody(Problem):
    status, code, detail = 400, "malformed_body", "The body is not valid JSON in UTF-8."


class Unauthenticated(Problem):
    status, code, detail = 401, "unauthenticated", "A valid access token is needed."

    def __init__(self, detail: str | None = None) -> None:
        challenge = 'Bearer realm="taskflow"' + (', error="invalid_token"' if detail else "")
        super().__init__(detail, headers={"WWW-Authenticate": challenge})


class InvalidCredentials(Problem):
    status, code, detail = 401, "invalid_credentials", "The address or the password is wrong."

    def __init__(self) -> None:
        super().__init__(headers={"WWW-Authenticate": 'Bearer realm="taskflow"'})


class NotFound(Problem):
    status, code, detail = 404, "not_found", "There is no such thing here."


class MethodNotAllowed(Problem):
    status, code, detail = 405, "method_not_allowed", "This address does not take this method."


class EmailTaken(Problem):
    status, code, detail = 409, "email_taken", "An account with this address exists already."


class PreconditionFailed(Problem):
    status, code, detail = 412, "precondition_failed", "It was changed in the meantime: read it again."


class BodyTooLarge(Problem):
    status, code, detail = 413, "body_too_large", "The body is above 256 kB."


class UnsupportedBody(Problem):
    status, code, detail = 415, "unsupported_media_type", "The body must be application/json in UTF-8."


class InvalidRequest(Problem):
    status, code, detail = 422, "invalid_request", "Some fields are not valid."


class TooManyAttempts(Problem):
    status, code, detail = 429, "too_many_attempts", "Too many failed logins: try again later."

    def __init__(self, retry_after: int) -> None:
        super().__init__(headers={"Retry-After": str(retry_after)})


class Unexpected(Problem):
    """The answer to what nobody foresaw; the log has the story."""


class Unavailable(Problem):
    status, code, detail = 503, "unavailable", "The service can't reach its database: try again soon."

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "2"})


def invalid(field: str, code: str, message: str) -> InvalidRequest:
    """One field that is wrong in a way that only a use case can tell."""
    return InvalidRequest(errors=(FieldError(field, code, message),))


def problem_of(error: Exception) -> Problem:
    """The problem that any exception is to the caller."""
    match error:
        case Problem():
            return error
        case DatabaseUnavailable():
            return Unavailable()
        case RequestValidationError():
            return InvalidRequest(errors=tuple(_field_error(detail) for detail in error.errors()))
        case HTTPException(status_code=404):
            return NotFound()
        case HTTPException(status_code=405):
            return MethodNotAllowed(headers=error.headers)
        case _:
            return Unexpected()


def answer(problem: Problem, request_id: str) -> JSONResponse:
    """A problem as application/problem+json."""
    body: dict[str, Any] = {
        "type": f"urn:taskflow:problem:{problem.code}",
        "title": problem.code.replace("_", " ").capitalize(),
        "status": problem.status,
        "detail": str(problem),
        "code": problem.code,
        "request_id": request_id,
    }
    if problem.errors:
        body["errors"] = [vars(error) for error in problem.errors]
    return JSONResponse(body, problem.status, problem.headers, MEDIA_TYPE)


def _field_error(detail: Mapping[str, Any]) -> FieldError:
    # The value itself is left out: it may be a password.
    return FieldError(".".join(str(part) for part in detail["loc"]), detail["type"], detail["msg"])
