"""A handler that is certainly not there is listed with its line; what may come from elsewhere is not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from samlet.template import notice

from .conftest import Loader

TEMPLATE = """
    Resources:
      F:
        Type: AWS::Lambda::Function
        {metadata}
        Properties:
          Runtime: {runtime}
          Code: code
          Handler: {handler}
          Layers: [{layers}]
          Environment: {{Variables: {{{variables}}}}}
      L: {{Type: AWS::Lambda::LayerVersion, Properties: {{Content: layer}}}}
"""
OWN = "def hello(event, context):\n    return 1\n"

type Listed = Callable[..., list[str]]


@pytest.fixture
def listed(tmp_path: Path, loaded: Loader) -> Listed:
    """Writes files, and tells what is listed of a template with this handler."""

    def write_and_list(
        handler: str,
        files: dict[str, str],
        runtime: str = "python3.13",
        layers: str = "",
        variables: str = "",
        metadata: str = "",
    ) -> list[str]:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        written = TEMPLATE.format(
            handler=handler, runtime=runtime, layers=layers, variables=variables, metadata=metadata
        )
        template = loaded(written)
        return [notice(template, part).removeprefix("template.yaml:") for part in template.unsupported]

    return write_and_list


@pytest.mark.parametrize(
    ("handler", "files", "layers", "reason"),
    [
        ("appx.hello", {"code/app.py": OWN}, "", "code/ has no appx.py; is app.py meant?"),
        ("main.hello", {"code/app.py": OWN}, "", "code/ has no main.py"),
        ("app.hello", {"code/inner/app.py": OWN}, "", "code/ has no app.py"),
        ("pkg/mod.hello", {"code/pkg/other.py": OWN}, "", "code/ has no pkg/mod.py"),
        ("pkg.mod.hello", {"code/app.py": OWN}, "", "code/ has no pkg/mod.py"),
        ("pkg.modx.hello", {"code/pkg/mod.py": OWN}, "", "code/ has no pkg/modx.py; is pkg/mod.py meant?"),
        ("main.hello", {"code/a.py": OWN, "layer/python/x.py": ""}, "!Ref L", "neither code/ nor a layer has main.py"),
        (
            "appx.hello", {"code/app.py": OWN, "code/requirements.txt": "boto3"}, "",
            "code/ has no appx.py; is app.py meant?",
        ),
        ("app.helo", {"code/app.py": OWN}, "", "code/app.py has no helo"),
        ("pkg.mod.helo", {"code/pkg/mod.py": OWN}, "", "code/pkg/mod.py has no helo"),
    ],
)  # fmt: skip
def test_a_handler_that_is_nowhere_is_listed(
    listed: Listed, handler: str, files: dict[str, str], layers: str, reason: str
) -> None:
    assert listed(handler, files, layers=layers) == [f"9: F (AWS::Lambda::Function): Handler: {reason}"]


@pytest.mark.parametrize(
    ("handler", "file"),
    [
        ("app.hello", "code/app.py"),
        ("pkg/mod.hello", "code/pkg/mod.py"),
        ("pkg.mod.hello", "code/pkg/mod.py"),
        ("pkg.hello", "code/pkg/__init__.py"),
        ("app.hello", "code/app.cpython-313-x86_64-linux-gnu.so"),
        ("app.hello", "code/app.pyc"),
        ("app.hello", "layer/python/app.py"),
        ("pkg.app.hello", "layer/python/lib/python3.13/site-packages/pkg/app.py"),
    ],
)
def test_a_handler_is_found_where_lambda_finds_it(listed: Listed, handler: str, file: str) -> None:
    files = {file: OWN, "code/other.py": "", "layer/python/some.py": ""}
    assert listed(handler, files, layers="!Ref L") == []


@pytest.mark.parametrize(
    "text",
    [
        "from elsewhere import *",
        "from elsewhere import hello",
        "import elsewhere as hello",
        "hello = print",
        "if True:\n    hello = print",
        "for hello in [print]: pass",
        "(hello := print)",
        "def make():\n    global hello",
        "class hello: pass",
        "async def hello(event, context): pass",
        "match print:\n    case hello: pass",
        "globals()['hel' + 'lo'] = print",
        "def __getattr__(name): return print",
        "import sys\nsetattr(sys.modules[__name__], 'hel' + 'lo', print)",
        "this is no Python",
    ],
)
def test_a_name_that_a_module_may_have_is_not_missed(listed: Listed, text: str) -> None:
    assert listed("app.hello", {"code/app.py": text}) == []


@pytest.mark.parametrize(
    ("handler", "files", "more"),
    [
        ("kit.lambda.handle", {"code/requirements.txt": "acme-kit", "code/app.py": ""}, {}),
        ("kit.hello", {"layer/requirements.txt": "", "layer/python/x.py": "", "code/a.py": ""}, {"layers": "!Ref L"}),
        ("appx.hello", {"code/readme.md": ""}, {}),
        ("appx.hello", {"code/app.py": "", "layer/bin/tool": ""}, {"layers": "!Ref L"}),
        ("main.hello", {"code/app.py": ""}, {"variables": "PYTHONPATH: /var/task/src"}),
        ("main.hello", {"code/app.py": ""}, {"variables": "AWS_LAMBDA_EXEC_WRAPPER: /opt/wrap"}),
        ("main.hello", {"code/app.py": ""}, {"metadata": "Metadata: {BuildMethod: python-uv}"}),
        ("main.hello", {"code/app.py": ""}, {"runtime": "provided.al2023"}),
        ("main", {"code/app.py": ""}, {}),
        ("json.loads", {"code/app.py": ""}, {}),
        ("app.hello", {"code/app.py": "", "code/app/__init__.py": "from .inner import hello"}, {}),
        ("app.hello", {"code/app.py": "", "layer/python/app.py": OWN}, {"layers": "!Ref L"}),
    ],
)  # fmt: skip
def test_of_what_may_come_from_elsewhere_nothing_is_said(
    listed: Listed, handler: str, files: dict[str, str], more: dict[str, str]
) -> None:
    assert listed(handler, files, **more) == []


def test_a_layer_that_is_not_here_may_have_the_handler(listed: Listed) -> None:
    arn = "arn:aws:lambda:eu-central-1:464622532012:layer:Datadog:1"
    (note,) = listed("datadog_lambda.handler.handler", {"code/app.py": ""}, layers=f'"{arn}"')
    assert note.endswith("is not a local folder")
