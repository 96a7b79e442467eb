"""API Gateway's HTTP API on a local port: routes a request to its function and answers as AWS does."""

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from samlet.errors import MalformedResponse, SamletError, Throttled
from samlet.http_request import RawRequest
from samlet.http_response import HttpResponse
from samlet.log import say
from samlet.model import DEFAULT_ACCOUNT, DEFAULT_REGION, HttpApi, IamAuthorizer
from samlet.runtime.held import done_within
from samlet.runtime.identifiers import new_gateway_request_id, new_request_id
from samlet.runtime.outcome import Outcome
from samlet.sources.access_log import Visit, access_line
from samlet.sources.admission import Admission, refusal
from samlet.sources.authorization import Refused
from samlet.sources.cors import CorsPolicy, Headers
from samlet.sources.event_v1 import build_event_v1
from samlet.sources.event_v2 import (
    Gateway,
    HttpRequest,
    build_event,
    context_variables,
    decode_headers,
    decode_path,
)
from samlet.sources.function_url import ACCOUNT, encoded_path, read_response_of_url, refusal_of_url, traced_by_url
from samlet.sources.invoker import TracingInvoker
from samlet.sources.response_v1 import read_response_v1
from samlet.sources.response_v2 import error_response, read_response
from samlet.sources.routes import Match, RouteTable
from samlet.sources.signature import Secrets
from samlet.sources.tracing import traced

_PAYLOAD_LIMIT = 6 * 1024 * 1024  # what a function takes in one synchronous invocation
_CORS_PREFIX = "access-control-"
_NO_ROUTE = "none"

type Read = Callable[[bytes], HttpResponse]


class HttpGateway:
    """One HTTP API, served by a `GatewayPort`; the functions are run by `invoker`.

    `answered` is told each answer's route (its key, or `none`), status and time in seconds. `held` is how many seconds
    of a function's time so far don't count, because a debugger has stopped it. `secrets` knows what an access key signs
    with.
    """

    def __init__(
        self,
        api: HttpApi,
        invoker: TracingInvoker,
        *,
        account: str = DEFAULT_ACCOUNT,
        region: str = DEFAULT_REGION,
        jwks: Mapping[str, Path] | None = None,
        secrets: Secrets = lambda _access_key: None,
        answered: Callable[[str, int, float], None] = lambda _route, _status, _seconds: None,
        held: Callable[[str], float] = lambda _function: 0.0,
    ) -> None:
        self._routes = RouteTable(api.routes)
        self._cors = CorsPolicy(api.cors) if api.cors else None
        signed = any(isinstance(route.authorizer, IamAuthorizer) for route in api.routes)
        account = ACCOUNT if api.function_url and not signed else account
        self._common = Gateway(api.logical_id, account, api.stage, region, api.stage_variables)
        self._admission = Admission(api, self._common, invoker, jwks=jwks or {}, secrets=secrets)
        self._access_log = api.access_log
        self._function_url = api.function_url
        self._read = read_response_of_url if api.function_url else read_response
        self._new_id, self._id_header = (
            (new_request_id, "x-amzn-requestid") if api.function_url else (new_gateway_request_id, "apigw-requestid")
        )
        self._invoker = invoker
        self._answered = answered
        self._held = held
        self._stages = {
            other.stage: HttpGateway(
                other,
                invoker,
                account=account,
                region=region,
                jwks=jwks,
                secrets=secrets,
                answered=answered,
                held=held,
            )
            for other in api.others
        }

    async def handle(self, request: RawRequest) -> HttpResponse:
        """Answer one request, whatever happens, and log it."""
        if self._stages and (other := self._stages.get(_first_segment(request.target))):
            return await other.handle(request)
        started = time.perf_counter()
        request_id = self._new_id()
        visit = Visit()
        try:
            response = await self._answer(request, request_id, visit)
        except Exception as error:  # noqa: BLE001  # a gateway that breaks off tells a client nothing
            say("gateway", f"{type(error).__name__}: {error}", level="error")
            response = error_response(500, "Internal Server Error")
        response.headers.append((self._id_header, request_id))
        self._tell(request, response, request_id, visit, started)
        return response

    def _tell(self, request: RawRequest, response: HttpResponse, request_id: str, visit: Visit, started: float) -> None:
        """Log an answer and count it, once it is on its way."""
        seconds = time.perf_counter() - started
        asyncio.get_running_loop().call_soon(self._note, request, response, request_id, visit, seconds)

    def _note(self, request: RawRequest, response: HttpResponse, request_id: str, visit: Visit, seconds: float) -> None:
        _log(request, response.status, seconds * 1000, visit.reason)
        if self._access_log:
            self._log_access(self._access_log, request, response, request_id, visit, seconds)
        self._answered(visit.route_key or _NO_ROUTE, response.status, seconds)

    def count_refused(self, status: int) -> None:
        """Count an answer to what was no request at all, or none that fits the limits."""
        self._answered(_NO_ROUTE, status, 0.0)

    async def _answer(self, request: RawRequest, request_id: str, visit: Visit) -> HttpResponse:
        if self._cors is None:
            return await self._route(request, request_id, visit)
        origin = request.header(b"origin")
        if origin and request.method == "OPTIONS" and request.header(b"access-control-request-method") is not None:
            return await self._answer_preflight(self._cors.preflight(origin), request, request_id, visit)
        response = await self._route(request, request_id, visit)
        return _with_cors(response, self._cors.answer(origin))

    async def _answer_preflight(
        self, headers: Headers, request: RawRequest, request_id: str, visit: Visit
    ) -> HttpResponse:
        """Answer it here only where no route takes OPTIONS: `ANY` and `$default` do, with their authorizers."""
        if not self._function_url:
            response = await self._route(request, request_id, visit)
            if visit.route_key is not None:
                return _with_cors(response, headers)
        return HttpResponse(204, headers)

    async def _route(self, request: RawRequest, request_id: str, visit: Visit) -> HttpResponse:
        try:
            path, query = _target(request.target)
            segments = encoded_path(path) if self._function_url else decode_path(path)
        except ValueError:
            return error_response(400, "Bad Request")
        match = self._match(request.method, segments)
        if match is None:
            return error_response(404, "Not Found")
        visit.route_key = match.route.key
        if request.body is None:
            return error_response(413, "Request Too Long")
        headers, trace_id = traced(decode_headers(request.headers))
        parsed = _parsed(request, headers, path, segments, query, request.body)
        now = time.time()
        admitted = await self._admission.admit(parsed, match, request_id, now)
        if isinstance(admitted, Refused):
            visit.authorizer_error = admitted.error if admitted.by_authorizer else None
            visit.reason = visit.authorizer_error or "the route's throttling"
            refused = refusal(admitted)
            return refusal_of_url(refused) if self._function_url else refused
        visit.authorizer = admitted.context if admitted else None
        build = build_event_v1 if match.route.payload_format == "1.0" else build_event
        event = build(parsed, match, self._common, request_id, now, visit.authorizer)
        if len(event) > _PAYLOAD_LIMIT:
            return error_response(413, "Request Too Long")
        response = await self._run(match, event, trace_id, request_id, visit)
        if not self._function_url:
            return response
        return refusal_of_url(response) if visit.function_status is None else traced_by_url(response, trace_id)

    def _log_access(
        self,
        form: str,
        request: RawRequest,
        response: HttpResponse,
        request_id: str,
        visit: Visit,
        seconds: float,
    ) -> None:
        """Write the stage's own line of a request."""
        try:
            path, query = _target(request.target)
            segments = decode_path(path)
        except ValueError:
            segments, query = (request.target,), ""
        seen = _parsed(request, decode_headers(request.headers), request.target, segments, query)
        context = context_variables(seen, visit.route_key or "", self._common, request_id, time.time() - seconds)
        say(f"access {self._common.api_id}", access_line(form, context, visit, response, seconds))

    def _match(self, method: str, segments: tuple[str, ...]) -> Match | None:
        if self._common.stage == "$default":
            return self._routes.find(method, segments)
        if segments[0] != self._common.stage:
            return None
        return self._routes.find(method, segments[1:] or ("",))

    async def _run(self, match: Match, event: bytes, trace_id: str, request_id: str, visit: Visit) -> HttpResponse:
        function = match.route.function
        started = time.perf_counter()
        # A function URL is Lambda's own door: its request is the invocation. That of an HTTP API has an id of its own.
        invoked_as = request_id if self._function_url else None
        invocation = asyncio.ensure_future(
            self._invoker.invoke(function, event, trace_id=trace_id, request_id=invoked_as)
        )
        answered = await done_within(match.route.timeout / 1000, lambda: self._held(function), invocation)
        visit.integration_latency = round((time.perf_counter() - started) * 1000)
        if not answered:
            say("gateway", f"{function} has not answered in {match.route.timeout} ms; it runs on", level="warning")
            visit.integration_error = visit.reason = "Endpoint request timed out"
            return error_response(503, "Service Unavailable")
        return response_of(match, invocation, visit, self._read)


def response_of(match: Match, invocation: asyncio.Future[Outcome], visit: Visit, read: Read) -> HttpResponse:
    """Return the response that an invocation which is over means, whatever came of it; `read` is for format 2.0."""
    function, read = match.route.function, read_response_v1 if match.route.payload_format == "1.0" else read
    try:
        outcome = invocation.result()
        visit.integration_status = 200  # Lambda's own, whatever the function says
        if not outcome.function_error:
            response = read(outcome.payload)
            visit.function_status = response.status
            return response
        visit.integration_error = "The Lambda function returned an error"
    except Throttled as error:
        visit.integration_status, visit.integration_error = 429, str(error)
        visit.reason = str(error).removeprefix("Rate Exceeded: ")
        return error_response(429, "Too Many Requests")
    except asyncio.CancelledError:
        visit.reason = "Samlet ended the invocation"
        return error_response(503, "Service Unavailable")
    except MalformedResponse as error:
        visit.integration_error = str(error)
        say("gateway", f"{function} answered what is no HTTP response: {error}", level="error")
    except SamletError as error:
        visit.integration_error = str(error)
        say("gateway", f"{function}: {error}", level="error")
    return error_response(500, "Internal Server Error")


def _with_cors(response: HttpResponse, headers: Headers) -> HttpResponse:
    """Replace what an answer says of CORS."""
    response.headers = [header for header in response.headers if not header[0].startswith(_CORS_PREFIX)] + headers
    return response


def _target(raw: str) -> tuple[str, str]:
    """Split a request target into path and query; the absolute form that proxies send is one too. Raises ValueError."""
    if not raw.startswith("/"):
        if urlsplit(raw).scheme not in {"http", "https"}:
            raise ValueError("neither a path nor a URL, as in CONNECT host:port")
        raw = "/" + raw.partition("://")[2].partition("/")[2]
    path, _, query = raw.partition("#")[0].partition("?")
    return path, query


def _parsed(
    request: RawRequest,
    headers: tuple[tuple[str, str], ...],
    path: str,
    segments: tuple[str, ...],
    query: str,
    body: bytes = b"",
) -> HttpRequest:
    protocol = f"HTTP/{request.version}"
    return HttpRequest(request.method, segments, query, headers, body, request.client, protocol, path)


def _first_segment(target: str) -> str:
    return target.partition("?")[0].removeprefix("/").partition("/")[0]


def _log(request: RawRequest, status: int, milliseconds: float, reason: str | None) -> None:
    path = request.target.partition("?")[0]
    text = f"{request.method} {path[:200]} {status} {milliseconds:.0f} ms" + (f" ({reason})" if reason else "")
    say("gateway", text, level="error" if status >= 500 else "info")
