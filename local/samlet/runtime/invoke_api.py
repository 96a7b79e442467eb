"""Lambda's own API, as far as SDKs, the AWS CLI and `sam remote invoke` need it to invoke a function."""

import base64
import json
import uuid
from datetime import UTC, datetime

from aiohttp import web

from samlet.errors import EnvironmentFailed, FunctionNotFound, Throttled
from samlet.model import Function
from samlet.runtime.functions import Functions

LARGEST_PAYLOAD = 6 * 1024 * 1024
LARGEST_EVENT = 1024 * 1024
_TYPES = ("RequestResponse", "Event", "DryRun")


class InvokeApi:
    """Serves `/2015-03-31/functions/{name}`; its `app` is mounted on a port by whoever starts Samlet."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self._started = datetime.now(UTC)
        # Room above the limit, so that a payload that is too large gets Lambda's error instead of the server's.
        self.app = web.Application(client_max_size=4 * LARGEST_PAYLOAD)
        self.app.router.add_post("/2015-03-31/functions/{name}/invocations", self._invoke)
        self.app.router.add_get("/2015-03-31/functions/{name}", self._describe)
        self.app.router.add_get("/2015-03-31/functions/{name}/configuration", self._configuration)
        self.app.router.add_get("/2015-03-31/functions", self._list)
        self.app.router.add_get("/2015-03-31/functions/", self._list)

    async def _invoke(self, request: web.Request) -> web.Response:
        kind = request.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if kind not in _TYPES:
            text = f"Value '{kind}' at 'invocationType' failed to satisfy constraint: one of {', '.join(_TYPES)}"
            return _problem(400, "InvalidParameterValueException", text)
        try:
            payload = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return _too_large(4 * LARGEST_PAYLOAD, LARGEST_PAYLOAD)
        limit = LARGEST_EVENT if kind == "Event" else LARGEST_PAYLOAD
        if len(payload) > limit:
            return _too_large(len(payload), limit)
        if payload and not _is_json(payload):
            return _problem(400, "InvalidRequestContentException", "Could not parse request body into json")
        return await self._dispatch(request, kind, payload or b"{}")

    async def _dispatch(self, request: web.Request, kind: str, payload: bytes) -> web.Response:
        name = request.match_info["name"]
        try:
            self._functions.resolve(name)
            if kind == "DryRun":
                return web.Response(status=204, headers={"X-Amz-Executed-Version": "$LATEST"})
            if kind == "Event":
                request_id = await self._functions.invoke_event(name, payload)
                return web.Response(status=202, headers={"x-amzn-RequestId": request_id})
            return await self._answer(request, name, payload)
        except FunctionNotFound:
            return self._unknown(name)
        except Throttled as limit:
            return _problem(429, "TooManyRequestsException", str(limit), {"Reason": limit.reason}, {"Retry-After": "1"})
        except EnvironmentFailed as trouble:
            return _problem(502, "InvalidRuntimeException", str(trouble))

    async def _answer(self, request: web.Request, name: str, payload: bytes) -> web.Response:
        context = request.headers.get("X-Amz-Client-Context")
        try:
            decoded = base64.b64decode(context, validate=True).decode() if context else None
        except ValueError:
            return _problem(400, "InvalidRequestContentException", "Client context must be a valid Base64 JSON object")
        outcome = await self._functions.invoke(
            name, payload, client_context=decoded, trace_id=request.headers.get("X-Amzn-Trace-Id")
        )
        headers = {"X-Amz-Executed-Version": "$LATEST", "x-amzn-RequestId": outcome.request_id}
        if outcome.function_error:
            headers["X-Amz-Function-Error"] = outcome.function_error
        if request.headers.get("X-Amz-Log-Type") == "Tail":
            headers["X-Amz-Log-Result"] = base64.b64encode(outcome.log_tail).decode()
        return web.Response(body=outcome.payload, headers=headers, content_type="application/json")

    async def _describe(self, request: web.Request) -> web.Response:
        try:
            function = self._functions.resolve(request.match_info["name"])
        except FunctionNotFound:
            return self._unknown(request.match_info["name"])
        about: dict[str, object] = {
            "Configuration": self._shown(function),
            "Code": {"RepositoryType": "Local", "Location": function.code.as_uri()},
        }
        if function.reserved_concurrency is not None:
            about["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved_concurrency}
        return web.json_response(about)

    async def _configuration(self, request: web.Request) -> web.Response:
        try:
            return web.json_response(self._shown(self._functions.resolve(request.match_info["name"])))
        except FunctionNotFound:
            return self._unknown(request.match_info["name"])

    async def _list(self, _request: web.Request) -> web.Response:
        shown = [self._shown(function) for function in self._functions.functions.values()]
        return web.json_response({"Functions": shown})

    def _shown(self, function: Function) -> dict[str, object]:
        """A function's configuration; the values of its variables stay inside, since some are secrets."""
        return {
            "FunctionName": function.name,
            "FunctionArn": self._functions.arn(function.logical_id),
            "Runtime": function.runtime,
            "Handler": function.handler,
            "Timeout": function.timeout,
            "MemorySize": function.memory,
            "LastModified": self._started.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
            "Version": "$LATEST",
            "PackageType": "Zip",
            "State": "Active",
            "LastUpdateStatus": "Successful",
        }

    def _unknown(self, name: str) -> web.Response:
        return _problem(404, "ResourceNotFoundException", f"Function not found: {name}", {"Type": "User"})


def _is_json(payload: bytes) -> bool:
    try:
        json.loads(payload)
    except ValueError:
        return False
    return True


def _too_large(size: int, limit: int) -> web.Response:
    text = f"{size} byte payload is too large for the limit of {limit} bytes"
    return _problem(413, "RequestTooLargeException", text)


def _problem(
    status: int,
    error_type: str,
    message: str,
    body: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> web.Response:
    """An error as SDKs expect it: they choose the exception by the header `x-amzn-errortype`."""
    return web.json_response(
        {"Message": message, "message": message, **(body or {})},
        status=status,
        headers={"x-amzn-errortype": error_type, "x-amzn-RequestId": str(uuid.uuid4()), **(headers or {})},
    )
