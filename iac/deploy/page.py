"""The web page: files and config.json into its bucket, then CloudFront forgets what it kept."""

import json
import uuid
from pathlib import Path
from typing import Any

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# For CloudFront; browsers are sent `no-cache` by its headers policy (iac/web.yaml).
_KEPT_A_MINUTE, _NEVER_KEPT = "public, max-age=60", "no-cache"


def files(folder: Path) -> dict[str, Path]:
    """The files of the page by their address; what lies beside them, such as README.md, is none of it."""
    return {path.name: path for path in sorted(folder.iterdir()) if path.suffix in _TYPES}


def upload(s3: Any, bucket: str, folder: Path, api_url: str) -> int:
    """Put the page into the bucket and take away what is no longer part of it; gives the number of files."""
    page = files(folder)
    # The start page last: until then its predecessor is served, with all that it loads.
    for name, path in sorted(page.items(), key=lambda it: it[0] == "index.html"):
        _put(s3, bucket, name, path.read_bytes(), _TYPES[path.suffix], _KEPT_A_MINUTE)
    config = json.dumps({"api": api_url}).encode()
    _put(s3, bucket, "config.json", config, "application/json", _NEVER_KEPT)
    for listed in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for it in listed.get("Contents", []):
            if it["Key"] not in {*page, "config.json"}:
                s3.delete_object(Bucket=bucket, Key=it["Key"])
    return len(page) + 1


def _put(s3: Any, bucket: str, name: str, content: bytes, kind: str, kept: str) -> None:
    s3.put_object(Bucket=bucket, Key=name, Body=content, ContentType=kind, CacheControl=kept)


def refresh(cloudfront: Any, distribution: str) -> None:
    """Every edge fetches the page anew; returns when all of them do."""
    batch = {"Paths": {"Quantity": 1, "Items": ["/*"]}, "CallerReference": uuid.uuid4().hex}
    made = cloudfront.create_invalidation(DistributionId=distribution, InvalidationBatch=batch)
    cloudfront.get_waiter("invalidation_completed").wait(DistributionId=distribution, Id=made["Invalidation"]["Id"])


def empty(s3: Any, bucket: str) -> int:
    """Delete every object of a bucket with all its versions; gives their number."""
    count = 0
    while found := _some_versions(s3, bucket):
        objects = [{"Key": it["Key"], "VersionId": it["VersionId"]} for it in found]
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
        if errors := answer.get("Errors"):
            raise OSError(f"{bucket}: {errors[0]['Key']} can't be deleted: {errors[0]['Message']}")
        count += len(objects)
    return count


def _some_versions(s3: Any, bucket: str) -> list[dict[str, Any]]:
    listed = s3.list_object_versions(Bucket=bucket)
    return [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]
