"""Swaps local code paths for S3-shaped stand-ins, which the SAM transform insists on, and back.

The stand-in's key is the path itself, quoted, so the way back needs no memory.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

from samlet.errors import TemplateError

STAND_IN_BUCKET = "samlet-local-path"

_LOCAL_PROPERTIES = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::Api": "DefinitionUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
}
_CODE = {"CodeUri", "InlineCode", "ImageUri"}


def swap_in(document: dict[str, Any], resolve: Callable[[Any, str], Any]) -> None:
    """Replaces, in place, every local path of a SAM document; `resolve` turns a path's parameters into text."""
    shared = (document.get("Globals") or {}).get("Function") or {}
    if not isinstance(shared, dict):
        raise TemplateError("Globals.Function: needs a map")
    if "CodeUri" in shared:
        shared["CodeUri"] = _stand_in(resolve(shared["CodeUri"], "Globals.Function.CodeUri"))
    for logical_id, resource in document["Resources"].items():
        name = _LOCAL_PROPERTIES.get(resource["Type"])
        properties = resource["Properties"] = resource.get("Properties") or {}
        if name in properties:
            properties[name] = _stand_in(resolve(properties[name], f"Resources.{logical_id}.Properties.{name}"))
            if resource["Type"] == "AWS::Serverless::LayerVersion":
                properties[name] = _to_build(properties[name], resource.get("Metadata"))
        if resource["Type"] == "AWS::Serverless::Function":
            _complete(properties, shared)


def swap_back(location: Any) -> str | None:
    """The local path behind a `Code` or `Content` property, or None if the code is somewhere else."""
    if isinstance(location, str):
        return None if location.startswith("s3://") else location
    if isinstance(location, dict) and location.get("S3Bucket") == STAND_IN_BUCKET:
        return unquote(str(location.get("S3Key", "")))
    return None


def build_method(location: Any) -> str | None:
    """How `sam build` would make a layer of its local folder; None where it would take the folder as it is."""
    if isinstance(location, dict) and location.get("S3Bucket") == STAND_IN_BUCKET:
        return location.get("S3ObjectVersion")
    return None


def declared_method(metadata: Any) -> str | None:
    """The build method that a resource's `Metadata` declares."""
    method = metadata.get("BuildMethod") if isinstance(metadata, dict) else None
    return method if isinstance(method, str) else None


def _to_build(location: Any, metadata: Any) -> Any:
    """The stand-in, with the build method as its version: the transform keeps no `Metadata` of a layer."""
    method = declared_method(metadata)
    prefix = f"s3://{STAND_IN_BUCKET}/"
    if method is None or not isinstance(location, str) or not location.startswith(prefix):
        return location
    return {"Bucket": STAND_IN_BUCKET, "Key": location.removeprefix(prefix), "Version": method}


def _stand_in(path: Any) -> Any:
    if not isinstance(path, str) or path.startswith(("s3://", "https://", "http://")):
        return path
    return f"s3://{STAND_IN_BUCKET}/{quote(path or '.', safe='')}"


def _complete(function: dict[str, Any], shared: dict[str, Any]) -> None:
    """Fills in what `sam build` would have: the code folder, or an image that no registry has yet."""
    if function.get("PackageType", shared.get("PackageType")) == "Image":
        function.setdefault("ImageUri", "not-pushed:latest")
    elif not _CODE & {*function, *shared}:
        function["CodeUri"] = _stand_in(".")
