"""What `Metadata.BuildMethod` asks of `sam build` is done by a link, or listed."""

from pathlib import Path

import pytest

from .conftest import Loader

TEMPLATE = """
    Transform: AWS::Serverless-2016-10-31
    Resources:
      F:
        Type: AWS::Serverless::Function
        Properties: {{Runtime: python3.13, Handler: app.handler, CodeUri: code, Layers: [!Ref Shared]}}
      Shared:
        Type: AWS::Serverless::LayerVersion
        Metadata: {{BuildMethod: {method}}}
        Properties: {{ContentUri: {content}}}
"""


def template(method: str = "python3.13", content: str = "layer") -> str:
    return TEMPLATE.format(method=method, content=content)


def test_the_modules_of_a_layer_that_is_to_be_built_for_python_lie_in_python(loaded: Loader, tmp_path: Path) -> None:
    (tmp_path / "layer" / "shared").mkdir(parents=True)
    (tmp_path / "layer" / "requirements.txt").write_text("boto3\n")
    for _ in range(2):  # the second time everything is there
        (layer,) = loaded(template()).functions["F"].layers
    assert (layer / "python" / "shared").is_dir()
    assert (layer / "requirements.txt").read_text() == "boto3\n"
    (tmp_path / "layer" / "new.py").touch()
    assert (layer / "python" / "new.py").exists()


def test_a_layer_without_a_build_method_is_taken_as_it_is(loaded: Loader, tmp_path: Path) -> None:
    text = template().replace("Metadata: {BuildMethod: python3.13}", "")
    assert loaded(text).functions["F"].layers == (tmp_path / "layer",)


def test_a_layer_that_sam_build_has_made_is_taken_as_it_is(loaded: Loader, tmp_path: Path) -> None:
    made = tmp_path / ".aws-sam" / "build" / "Shared"
    (made / "python").mkdir(parents=True)
    assert loaded(template(content=".aws-sam/build/Shared")).functions["F"].layers == (made,)


def test_a_layer_that_has_nothing_without_its_makefile_is_listed(loaded: Loader) -> None:
    (note,) = loaded(template("makefile")).unsupported
    assert note.reason.startswith("Metadata.BuildMethod: makefile is not called")
    assert ".aws-sam/build" in note.reason


def test_a_makefile_that_only_adds_packages_to_a_layer_is_not_missed(loaded: Loader, tmp_path: Path) -> None:
    (tmp_path / "layer" / "python").mkdir(parents=True)
    template_of_it = loaded(template("makefile"))
    assert template_of_it.functions["F"].layers == (tmp_path / "layer",)
    assert template_of_it.unsupported == ()


FUNCTION = """
    {transform}
    Resources:
      F:
        Type: {type}
        Metadata: {{BuildMethod: {method}}}
        Properties: {{{properties}, Handler: {handler}, Runtime: {runtime}}}
"""


def function(
    handler: str = "app.handler", method: str = "makefile", code: str = "code", runtime: str = "python3.13"
) -> str:
    return FUNCTION.format(
        transform="Transform: AWS::Serverless-2016-10-31", type="AWS::Serverless::Function",
        method=method, properties=f"CodeUri: {code}", handler=handler, runtime=runtime,
    )  # fmt: skip


def test_a_function_whose_handler_only_a_makefile_puts_in_its_place_is_listed(loaded: Loader) -> None:
    (note,) = loaded(function("shop.app.handler")).unsupported
    assert note.logical_id == "F"
    assert note.reason.startswith("Metadata.BuildMethod: makefile is not called; after `sam build`, start --template")
    assert note.reason.endswith("(code/ has no shop/app.py)")


def test_a_function_of_plain_cloudformation_is_listed_as_well(loaded: Loader) -> None:
    text = FUNCTION.format(
        transform="", type="AWS::Lambda::Function", method="makefile", handler="app.handler", runtime="python3.13",
        properties="Code: code, Role: r",
    )  # fmt: skip
    assert [note.logical_id for note in loaded(text).unsupported] == ["F"]


@pytest.mark.parametrize(
    ("handler", "file"),
    [
        ("app.handler", "app.py"),
        ("shop.app.handler", "shop/app.py"),
        ("shop.handler", "shop/__init__.py"),
        ("app.handler", "app.cpython-313-x86_64-linux-gnu.so"),
        ("handler", "anything.py"),
    ],
)
def test_a_function_whose_handler_is_there_without_its_makefile_runs(
    loaded: Loader, tmp_path: Path, handler: str, file: str
) -> None:
    (tmp_path / "code" / file).parent.mkdir(parents=True)
    (tmp_path / "code" / file).touch()
    assert loaded(function(handler)).unsupported == ()


def test_a_handler_in_a_layer_is_not_missed(loaded: Loader, tmp_path: Path) -> None:
    (tmp_path / "layer" / "python").mkdir(parents=True)
    (tmp_path / "layer" / "python" / "app.py").touch()
    text = template().replace("Metadata: {BuildMethod: python3.13}", "").replace(
        "Type: AWS::Serverless::Function", "Type: AWS::Serverless::Function\n        Metadata: {BuildMethod: makefile}"
    )  # fmt: skip
    assert loaded(text).unsupported == ()


def test_what_is_built_otherwise_or_has_been_built_is_not_listed(loaded: Loader, tmp_path: Path) -> None:
    (tmp_path / ".aws-sam" / "build" / "F").mkdir(parents=True)
    assert loaded(function(code=".aws-sam/build/F")).unsupported == ()
    assert loaded(function(method="python3.13")).unsupported == ()
    assert loaded(function("app.handler", runtime="provided.al2023")).unsupported == ()
