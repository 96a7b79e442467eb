"""Calls to an AWS of one's own, which checks no signature: no SDK is needed for the few that Samlet makes."""

import json
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener
from xml.etree import ElementTree

_PATIENCE = 60  # seconds; the first call has the server load every service that it knows


class CallFailed(Exception):
    """The server answered with an error; the text is its own."""


class AwsCalls:
    """Calls one endpoint, on behalf of one region; blocking."""

    def __init__(self, url: str, region: str) -> None:
        self.url = url
        self.region = region
        # A proxy of the host has nothing to do with what listens on loopback.
        self._opener = build_opener(ProxyHandler({}))

    def query(self, service: str, action: str, **arguments: str) -> ElementTree.Element:
        """Call a service of the Query protocol; the answer has its namespace taken off."""
        body = urlencode({"Action": action, **arguments}).encode()
        return _tree(self._post(service, body, {}))

    def json(self, service: str, target: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Call a service of the JSON protocol, as `secretsmanager.CreateSecret`."""
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}
        body = self._post(service, json.dumps(arguments).encode(), headers)
        try:
            answer: dict[str, Any] = json.loads(body or b"{}")
        except ValueError as error:
            raise CallFailed(f"{target} was answered with no JSON") from error
        return answer

    def get(self, service: str, path: str) -> ElementTree.Element:
        """Call a service of the REST protocol, as S3 at `/bucket?versions`; the answer has its namespace taken off."""
        return _tree(self._send(service, b"", {}, path, "GET"))

    def put(self, service: str, path: str, body: bytes) -> None:
        """Call a service of the REST protocol, as S3 at `/bucket?notification`; `path` is encoded."""
        # What the body is stands in it. Without a type it would be taken for a form, and lost.
        self._send(service, body, {"Content-Type": "application/octet-stream"}, path, "PUT")

    def _post(self, service: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        return self._send(service, body, headers, "", "POST")

    def _send(self, service: str, body: bytes, headers: Mapping[str, str], path: str, method: str) -> bytes:
        scope = f"local/20260101/{self.region}/{service}/aws4_request"
        signature = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none"
        signed = {"Authorization": signature, "User-Agent": "samlet"}  # moto_server knows us by it
        request = Request(self.url + path, body, {**signed, **headers}, method=method)  # noqa: S310 - http to loopback
        try:
            return self._answer(request)
        except (OSError, HTTPException) as error:  # the latter where it dies in the middle of an answer
            raise CallFailed(f"it does not answer: {error}") from error

    def _answer(self, request: Request) -> bytes:
        try:
            with self._opener.open(request, timeout=_PATIENCE) as answer:
                content: bytes = answer.read()
                return content
        except HTTPError as error:
            raise CallFailed(_reason(error.read(), error.code)) from error


def _tree(text: bytes) -> ElementTree.Element:
    try:
        answer = ElementTree.fromstring(text)  # noqa: S314 - of a server that is ours
    except ElementTree.ParseError as error:
        raise CallFailed("the answer is no XML") from error
    for element in answer.iter():
        element.tag = element.tag.rpartition("}")[2]
    return answer


def _reason(body: bytes, status: int) -> str:
    text = body.decode(errors="replace")
    for begin, end in (("<Message>", "</Message>"), ('"message": "', '"'), ('"Message": "', '"')):
        if begin in text:
            return text.partition(begin)[2].partition(end)[0].strip()
    return f"status {status}, with no reason"
