"""Puts what `AWS::Include` names, files beside the template, into the document before anything else looks at it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from samlet.errors import TemplateError
from samlet.template import reader

_NAME = "AWS::Include"
_DEEPEST = 10


class Includes:
    """Takes in files below `root`, read by `texts`."""

    def __init__(self, root: Path, resolve: Callable[[Any, str], Any], texts: reader.Texts) -> None:
        self._root = root
        self._resolve = resolve
        self._texts = texts

    def document(self, document: dict[str, Any]) -> dict[str, Any]:
        """The document with everything in it that it includes; its own values win over an included file's."""
        declared = document.get("Transform")
        items = declared if isinstance(declared, list) else [declared]
        whole = dict(document)
        for item in items:
            if _includes(item):
                for key, value in self._read(item, "Transform", 0).items():
                    mine = whole.get(key)
                    whole[key] = value | mine if isinstance(mine, dict) and isinstance(value, dict) else mine or value
        if "Transform" in whole:
            whole["Transform"] = [item for item in items if not _includes(item)]
        taken: dict[str, Any] = self._take(whole, "", 0)
        return taken

    def _take(self, value: Any, place: str, depth: int) -> Any:
        if isinstance(value, list):
            return [self._take(item, f"{place}[{index}]", depth) for index, item in enumerate(value)]
        if not isinstance(value, dict):
            return value
        transform = value.get("Fn::Transform")
        if not _includes(transform):
            prefix = f"{place}." if place else ""
            return {key: self._take(item, f"{prefix}{key}", depth) for key, item in value.items()}
        own = {key: item for key, item in value.items() if key != "Fn::Transform"}
        included = self._read(transform, place, depth)
        return self._take(included | own, place, depth + 1) if isinstance(included, dict) else included

    def _read(self, transform: Any, place: str, depth: int) -> Any:
        parameters = transform.get("Parameters")
        location = self._resolve(parameters.get("Location") if isinstance(parameters, dict) else None, place)
        if not isinstance(location, str) or not location:
            raise TemplateError(f"{place}: {_NAME} needs a Location")
        if "://" in location:
            raise TemplateError(f"{place}: {location} is not read; put the file beside the template and name it there")
        if depth > _DEEPEST:
            raise TemplateError(f"{place}: {location} includes itself")
        file = (self._root / location).resolve()
        try:
            return reader.parse(self._texts.of(file))
        except reader.MalformedText as error:
            raise TemplateError(f"{place}: {file}:{error.line or 1}: {error}") from error
        except TemplateError as error:
            raise TemplateError(f"{place}: {location} {error}") from error


def _includes(transform: Any) -> bool:
    return isinstance(transform, dict) and transform.get("Name") == _NAME
