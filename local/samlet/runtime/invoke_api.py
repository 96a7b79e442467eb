"""Lambda's own API, as far as SDKs, the AWS CLI and `sam remote invoke` need it to invoke and to look up functions."""

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime

from aiohttp import web
from aiohttp.typedefs import Handler

from samlet.errors import FunctionNotFound
from samlet.model import LATEST
from samlet.runtime.descriptions import Description, Descriptions
from samlet.runtime.functions import Functions
from samlet.runtime.invoke_errors import Refused, as_lambda_answers, invalid, no_web_pages, not_found
from samlet.runtime.invoke_stream import answer_in_events
from samlet.runtime.targets import Target, parse

LARGEST_PAYLOAD = 6 * 1024 * 1024
LARGEST_EVENT = 1024 * 1024
_LARGEST_CONTEXT = 3583  # bytes of base64
_TYPES = ("Event", "RequestResponse", "DryRun")
_STREAMED_TYPES = ("RequestResponse", "DryRun")
_LOG_TYPES = ("Tail", "None")
_LARGEST_PAGE = 50
_LARGEST_ASKED = 10_000


class InvokeApi:
    """Serves the calls about functions; its `app` is mounted on a port by whoever starts Samlet."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self._descriptions = Descriptions(functions.settings, datetime.now(UTC))
        # Room above the limit, so that a payload that is too large gets Lambda's error instead of the server's.
        doors = [as_lambda_answers, no_web_pages, self._by_what_is_saved]
        self.app = web.Application(client_max_size=4 * LARGEST_PAYLOAD, middlewares=doors)
        one = "/2015-03-31/functions/{name}"
        self.app.router.add_post(f"{one}/invocations", self._invoke)
        self.app.router.add_post("/2021-11-15/functions/{name}/response-streaming-invocations", self._invoke_stream)
        for end in ("", "/"):
            self.app.router.add_post("/2014-11-13/functions/{name}/invoke-async" + end, self._invoke_async)
            self.app.router.add_get("/2015-03-31/functions" + end, self._list)
        self.app.router.add_get(one, self._describe)
        self.app.router.add_get(f"{one}/configuration", self._configuration)
        self.app.router.add_get(f"{one}/versions", self._versions)
        self.app.router.add_get(f"{one}/aliases", self._aliases)
        self.app.router.add_get(f"{one}/aliases/{{alias}}", self._alias)
        asynchronous = "/2019-09-25/functions/{name}/event-invoke-config"
        self.app.router.add_get(asynchronous, self._asynchronous)
        self.app.router.add_get(f"{asynchronous}/list", self._asynchronous_list)
        self.app.router.add_get("/2019-09-30/functions/{name}/concurrency", self._concurrency)

    @web.middleware
    async def _by_what_is_saved(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer by what the template says when the request comes, also if it was saved an instant before."""
        await self._functions.settled()
        return await handler(request)

    async def _invoke(self, request: web.Request) -> web.Response:
        kind = _one_of(request, "X-Amz-Invocation-Type", "invocationType", "RequestResponse", _TYPES)
        log = _one_of(request, "X-Amz-Log-Type", "logType", "None", _LOG_TYPES)
        target = self._target(request)
        payload = await _payload(request, LARGEST_EVENT if kind == "Event" else LARGEST_PAYLOAD, kind)
        if kind == "DryRun":
            return web.Response(status=204, headers={"X-Amz-Executed-Version": target.version})
        if kind == "Event":
            return await self._accept(target, payload)
        return await self._answer(request, target, payload, tail=log == "Tail")

    async def _invoke_stream(self, request: web.Request) -> web.StreamResponse:
        kind = _one_of(request, "X-Amz-Invocation-Type", "invocationType", "RequestResponse", _STREAMED_TYPES)
        log = _one_of(request, "X-Amz-Log-Type", "logType", "None", _LOG_TYPES)
        target = self._target(request)
        payload = await _payload(request, LARGEST_PAYLOAD, kind)
        if kind == "DryRun":
            return web.Response(status=204, headers={"X-Amz-Executed-Version": target.version})
        stream = self._functions.invoke_stream(
            target.name,
            payload,
            client_context=_client_context(request),
            trace_id=request.headers.get("X-Amzn-Trace-Id"),
        )
        return await answer_in_events(request, stream, target.version, tail=log == "Tail")

    async def _invoke_async(self, request: web.Request) -> web.Response:
        """The call that `InvocationType=Event` has replaced; SDKs still have it."""
        target = self._target(request)
        return await self._accept(target, await _payload(request, LARGEST_EVENT, "Event"))

    async def _accept(self, target: Target, payload: bytes) -> web.Response:
        request_id = await self._functions.invoke_event(target.name, payload)
        return web.Response(status=202, headers={"x-amzn-RequestId": request_id})

    async def _answer(self, request: web.Request, target: Target, payload: bytes, *, tail: bool) -> web.Response:
        outcome = await self._functions.invoke(
            target.name,
            payload,
            client_context=_client_context(request),
            trace_id=request.headers.get("X-Amzn-Trace-Id"),
        )
        headers = {"X-Amz-Executed-Version": target.version, "x-amzn-RequestId": outcome.request_id}
        if outcome.function_error:
            headers["X-Amz-Function-Error"] = outcome.function_error
        if tail:
            headers["X-Amz-Log-Result"] = base64.b64encode(outcome.log_tail).decode()
        return web.Response(body=outcome.payload, headers=headers, content_type="application/json")

    async def _describe(self, request: web.Request) -> web.Response:
        return web.json_response(self._descriptions.function(self._target(request)))

    async def _configuration(self, request: web.Request) -> web.Response:
        return web.json_response(self._descriptions.configuration(self._target(request)))

    async def _list(self, request: web.Request) -> web.Response:
        functions = self._functions.functions.values()
        if request.query.get("FunctionVersion") == "ALL":
            shown = [version for function in functions for version in self._descriptions.versions(function)]
        else:
            shown = [self._descriptions.configuration(Target(function)) for function in functions]
        return _page(request, "Functions", shown)

    async def _versions(self, request: web.Request) -> web.Response:
        return _page(request, "Versions", self._descriptions.versions(self._target(request).function))

    async def _aliases(self, request: web.Request) -> web.Response:
        function = self._target(request).function
        version = request.query.get("FunctionVersion")
        names = [name for name, points_to in function.aliases.items() if version in (None, points_to)]
        return _page(request, "Aliases", [self._descriptions.alias(function, name) for name in names])

    async def _alias(self, request: web.Request) -> web.Response:
        function, name = self._target(request).function, request.match_info["alias"]
        if name not in function.aliases:
            raise not_found(f"Cannot find alias arn: {self._functions.settings.arn(function, name)}")
        return web.json_response(self._descriptions.alias(function, name))

    async def _asynchronous(self, request: web.Request) -> web.Response:
        target = self._target(request)
        found = self._descriptions.asynchronous(target)
        if found is None:
            arn = self._functions.settings.arn(target.function, target.qualifier or LATEST)
            raise not_found(f"The function {arn} doesn't have an EventInvokeConfig")
        return web.json_response(found)

    async def _asynchronous_list(self, request: web.Request) -> web.Response:
        found = self._descriptions.asynchronous(self._target(request))
        return _page(request, "FunctionEventInvokeConfigs", [found] if found else [])

    async def _concurrency(self, request: web.Request) -> web.Response:
        return web.json_response(self._descriptions.concurrency(self._target(request).function))

    def _target(self, request: web.Request) -> Target:
        """The function that path and query name."""
        text, qualifier = request.match_info["name"], request.query.get("Qualifier")
        name = parse(text)
        if name is None:
            raise invalid(text, "functionName", "Member must be a name, an ARN or a part of one")
        if qualifier and name.qualifier not in (None, qualifier):
            message = "The derived qualifier from the function name does not match the specified qualifier."
            raise Refused(400, "InvalidParameterValueException", message)
        qualifier = qualifier or name.qualifier
        try:
            return self._functions.target(f"{name.function}:{qualifier}" if qualifier else name.function)
        except FunctionNotFound as unknown:
            arn = self._functions.settings.arn_of(name.function, qualifier)
            raise not_found(f"Function not found: {arn}") from unknown


def _one_of(request: web.Request, header: str, name: str, default: str, allowed: tuple[str, ...]) -> str:
    value = request.headers.get(header, default)
    if value not in allowed:
        raise invalid(value, name, f"Member must satisfy enum value set: [{', '.join(allowed)}]")
    return value


async def _payload(request: web.Request, limit: int, kind: str) -> bytes:
    """The event; no body at all is an empty one."""
    try:
        payload = await request.read()
        size = str(len(payload))
    except web.HTTPRequestEntityTooLarge:
        payload, size = b"", f"over {4 * LARGEST_PAYLOAD}"
    if not size.isdigit() or len(payload) > limit:
        text = f"{size} byte payload is too large for the {kind} invocation type (limit {limit} bytes)"
        raise Refused(413, "RequestTooLargeException", text)
    try:
        json.loads(payload or b"{}", parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        text = f"Could not parse request body into json: {error}"
        raise Refused(400, "InvalidRequestContentException", text) from error
    return payload or b"{}"


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no JSON")  # though Python reads and writes it


def _client_context(request: web.Request) -> str | None:
    given = request.headers.get("X-Amz-Client-Context")
    if not given:
        return None
    if len(given) > _LARGEST_CONTEXT:
        text = f"Client context must be at most {_LARGEST_CONTEXT} bytes in base64, not {len(given)}."
        raise Refused(400, "InvalidRequestContentException", text)
    try:
        decoded = base64.b64decode(given, validate=True).decode()
        if not isinstance(json.loads(decoded), dict):
            raise ValueError("no object")
    except (ValueError, RecursionError) as error:
        text = "Client context must be a valid Base64-encoded JSON object."
        raise Refused(400, "InvalidRequestContentException", text) from error
    return decoded


def _page(request: web.Request, key: str, items: Sequence[Description]) -> web.Response:
    """A part of a list: at most `MaxItems` from `Marker` on, and where the rest begins."""
    start = _number(request, "Marker", 0, 0, len(items))
    size = min(_number(request, "MaxItems", _LARGEST_PAGE, 1, _LARGEST_ASKED), _LARGEST_PAGE)
    body: dict[str, object] = {key: items[start : start + size]}
    if start + size < len(items):
        body["NextMarker"] = str(start + size)
    return web.json_response(body)


def _number(request: web.Request, name: str, default: int, low: int, high: int) -> int:
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
        raise invalid(text, name[0].lower() + name[1:], f"Member must be a number from {low} to {high}")
    return int(text)
