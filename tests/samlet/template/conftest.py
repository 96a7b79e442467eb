from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from samlet.model import MadeResource, WantedResource
from samlet.template import Template, load

type Loader = Callable[..., Template]


class EachMade:
    """Makes everything there is, under one name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def make(self, wanted: WantedResource) -> MadeResource:
        service = wanted.type.split("::")[1].lower()
        place = "::" if service == "s3" else "eu-central-1:000000000000:"
        return MadeResource(self._name, {"Arn": f"arn:aws:{service}:{place}{self._name}"})

    def keep_only(self, logical_ids: frozenset[str]) -> None:
        pass


@pytest.fixture
def loaded(tmp_path: Path) -> Loader:
    """Writes a template beside the folders `code/` and `layer/`, and loads it with the given parameters."""

    def write_and_load(text: str, name: str = "template.yaml", **parameters: str) -> Template:
        for folder in ("code", "layer"):
            (tmp_path / folder).mkdir(exist_ok=True)
        path = tmp_path / name
        path.write_text(dedent(text), encoding="utf-8")
        return load(path, parameters)

    return write_and_load
