"""Errors of Lambda's API, in the form by which SDKs choose the exception to raise."""

import uuid
from collections.abc import Mapping

from aiohttp import web
from aiohttp.typedefs import Handler

from samlet.errors import EnvironmentFailed, FunctionNotFound, Throttled
from samlet.log import say
from samlet.runtime.pool import RESERVED
from samlet.settings import LOOPBACK
from samlet.web import is_foreign, names_loopback

_SERVER_ERROR = 500


class Refused(Exception):
    """A request that is answered with an error of Lambda's."""

    def __init__(self, status: int, error_type: str, message: str, **more: str) -> None:
        super().__init__(message)
        self.status = status
        self.error_type = error_type
        self.more = more


def not_found(message: str) -> Refused:
    """What is asked for does not exist."""
    return Refused(404, "ResourceNotFoundException", message)


def invalid(value: str, name: str, constraint: str) -> Refused:
    """A value of the request is outside of what the API's model allows."""
    text = f"Value '{value}' at '{name}' failed to satisfy constraint: {constraint}"
    return Refused(400, "ValidationException", f"1 validation error detected: {text}")


@web.middleware
async def as_lambda_answers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn everything that goes wrong into Lambda's body and headers; every answer carries a request id."""
    try:
        response = await handler(request)
    except Refused as refused:
        response = _answer(refused.status, refused.error_type, str(refused), refused.more)
    except FunctionNotFound as unknown:
        response = _answer(404, "ResourceNotFoundException", str(unknown))
    except Throttled as limit:
        response = _throttled(limit)
    except EnvironmentFailed as trouble:
        response = _answer(502, "InvalidRuntimeException", str(trouble))
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
        text = f"{request.method} {request.path} is not served here"
        response = _answer(404, "UnknownOperationException", text)
    except Exception as error:  # noqa: BLE001  # SDKs choose the exception by Lambda's words, for this too
        say("samlet", f"{request.method} {request.path}: {type(error).__name__}: {error}", level="error")
        response = _answer(500, "ServiceException", "An internal error has occurred; the log of Samlet says more.")
    response.headers.setdefault("x-amzn-RequestId", str(uuid.uuid4()))
    return response


@web.middleware
async def no_web_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what a web page asks through its visitor's browser: there is no password, and programs send no Origin.

    A page whose name was made to lead to this machine is known by that name, wherever only this machine is served.
    """
    address = request.transport.get_extra_info("sockname") if request.transport else None
    if is_foreign(request) or (address and address[0] == LOOPBACK and not names_loopback(request)):
        raise Refused(403, "AccessDeniedException", "web pages of other origins may not call functions here")
    return await handler(request)


def _throttled(limit: Throttled) -> web.Response:
    """AWS's body to the letter; a limit of this machine, which AWS knows nothing of, in our own words."""
    message = "Rate Exceeded." if limit.reason == RESERVED else str(limit)
    body = {"Reason": limit.reason, "Type": "User", "message": message}
    headers = {"x-amzn-errortype": "TooManyRequestsException", "Retry-After": "1"}
    return web.json_response(body, status=429, headers=headers)


def _answer(status: int, error_type: str, message: str, more: Mapping[str, str] | None = None) -> web.Response:
    blamed = "Service" if status >= _SERVER_ERROR else "User"
    body = {"Type": blamed, "Message": message, "message": message, **(more or {})}
    return web.json_response(body, status=status, headers={"x-amzn-errortype": error_type})
