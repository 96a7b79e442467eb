from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from samlet.template import Template, load

type Loader = Callable[..., Template]


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
