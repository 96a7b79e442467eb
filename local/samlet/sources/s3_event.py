"""What a bucket of moto tells, as the event that a function gets of S3."""

import json
import re
import secrets
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote_plus, unquote_plus

_MULTIPART = re.compile(r"-\d+$")
_OWNER = {"principalId": "AWS:local"}


def s3_events(told: Mapping[str, Any], now: float) -> Iterator[bytes]:
    """An event for each record, at epoch seconds `now`; none for the test that every new configuration begins with."""
    for record in told.get("Records") or ():
        # moto tells of the end of an upload in parts twice: as of one, and as of an upload at once.
        parts = _MULTIPART.search(str(record["s3"]["object"].get("eTag", "")))
        if not (parts and record["eventName"] == "ObjectCreated:Put"):
            yield json.dumps({"Records": [_whole(record, now)]}).encode()


def _whole(record: Mapping[str, Any], now: float) -> dict[str, Any]:
    s3 = record["s3"]
    found = dict(s3["object"])
    found["key"] = encoded(unquote_plus(found["key"]))
    found["sequencer"] = f"{int(now * 1_000_000):018X}"
    if record["eventName"].startswith("ObjectRemoved:"):
        found = {name: value for name, value in found.items() if name not in ("size", "eTag")}
    return {
        "eventVersion": record["eventVersion"],
        "eventSource": record["eventSource"],
        "awsRegion": record["awsRegion"],
        "eventTime": record["eventTime"],
        "eventName": record["eventName"],
        "userIdentity": _OWNER,
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {
            "x-amz-request-id": secrets.token_hex(8).upper(),
            "x-amz-id-2": secrets.token_urlsafe(48),
        },
        "s3": {
            "s3SchemaVersion": s3["s3SchemaVersion"],
            "configurationId": s3["configurationId"],
            "bucket": {"name": s3["bucket"]["name"], "ownerIdentity": _OWNER, "arn": s3["bucket"]["arn"]},
            "object": found,
        },
    }


def encoded(key: str) -> str:
    """A key as events have it: encoded as in a form, but for the slashes."""
    return quote_plus(key, safe="/*")
