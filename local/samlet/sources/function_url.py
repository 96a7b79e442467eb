"""What function URLs do in another way than HTTP APIs: encoded paths, no account, headers and errors of their own."""

import json

from samlet.sources.response_v2 import HttpResponse, read_response

ACCOUNT = "anonymous"  # what events say of callers who sign nothing


def encoded_path(raw: str) -> tuple[str, ...]:
    """Return the segments of a path as they came: a function URL decodes nothing."""
    return tuple(raw.removeprefix("/").split("/"))


def read_response_of_url(payload: bytes) -> HttpResponse:
    """Return the response that an answer means, which is JSON unless it says more; raises MalformedResponse."""
    return read_response(payload, "application/json")


def traced_by_url(response: HttpResponse, trace_id: str) -> HttpResponse:
    """Add the trace that the function was told of, which a function URL names to its client, too."""
    response.headers.append(("x-amzn-trace-id", trace_id))
    return response


def refusal_of_url(response: HttpResponse) -> HttpResponse:
    """Return what a function URL says where an HTTP API answers for a function that gave no answer itself."""
    headers = [("content-type", "application/json")]
    if response.status == 429:
        reason = "ReservedFunctionConcurrentInvocationLimitExceeded"
        body = {"Reason": reason, "Type": "User", "message": "Rate Exceeded."}
        return HttpResponse(429, headers, json.dumps(body, separators=(",", ":")).encode())
    if response.status == 403:
        headers.append(("x-amzn-errortype", "AccessDeniedException"))
        return HttpResponse(403, headers, b'{"Message":"Forbidden"}')
    return HttpResponse(502, headers, b"Internal Server Error") if response.status >= 500 else response
