"""What a function may import, and what its own modules may be called: `sys.path` is Lambda's."""

import json
from pathlib import Path
from typing import Any

import pytest

from functions_on_the_spot import MakeFunction, Running

BROKEN = "raise AttributeError('this is no module of Python')"
# What the standard library itself, AWS's loop or Samlet's own loop would have to import.
NAMES = ("types", "logging", "json", "email", "enum", "typing", "time", "traceback", "site", "http", "awslambdaric")
ECHO = "def handler(event, context):\n    return event\n"


def told(outcome: Any) -> Any:
    return json.loads(outcome.payload)


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


@pytest.mark.parametrize("client", ["AWS's", "ours"])
async def test_a_functions_own_modules_may_be_called_like_any_of_pythons(
    make: MakeFunction, running: Running, tmp_path: Path, client: str
) -> None:
    """The second loop is the one for systems where AWS's has no wheel; a declared PYTHONPATH is met before packages."""
    without = written(tmp_path / "without", {"awslambdaric/__init__.py": "raise ImportError('as on macOS')"})
    function = make(ECHO, environment={"PYTHONPATH": str(without)} if client == "ours" else {})
    written(function.code, {f"{name}.py": BROKEN for name in NAMES})
    async with running(function) as functions:
        assert told(await functions.invoke("Echo", b'{"a": "1"}')) == {"a": "1"}
        assert told(await functions.invoke("Echo", b'"more"')) == "more"


async def test_what_lambdas_loop_has_imported_is_pythons_and_what_it_has_not_is_the_functions(
    make: MakeFunction, running: Running
) -> None:
    source = """
        import json, logging, types
        import colorsys
        def handler(event, context):
            return [json.dumps([]), hasattr(logging, "getLogger"), hasattr(types, "MappingProxyType"), colorsys.OWN]
    """
    function = make(source)
    written(function.code, {"json.py": BROKEN, "logging.py": BROKEN, "types.py": BROKEN, "colorsys.py": "OWN = 1"})
    async with running(function) as functions:
        assert told(await functions.invoke("Echo", b"{}")) == ["[]", True, True, 1]


async def test_code_comes_before_layers_and_layers_before_what_is_installed(
    make: MakeFunction, running: Running, tmp_path: Path
) -> None:
    versioned = "python/lib/python3.13/site-packages"
    layer = written(
        tmp_path / "layer",
        {
            "python/ours.py": "OF = 'layer'",
            "python/theirs.py": "OF = 'python'",
            f"{versioned}/theirs.py": "OF = 'site-packages'",
        },
    )
    source = """
        import sys, ours, theirs
        def handler(event, context):
            return [ours.OF, theirs.OF, sys.path[:3]]
    """
    function = make(source, layers=(layer,))
    written(function.code, {"ours.py": "OF = 'code'"})
    async with running(function) as functions:
        seen = told(await functions.invoke("Echo", b"{}"))
    first = [str(function.code), str(layer / versioned), str(layer / "python")]
    assert seen == ["code", "site-packages", first]


async def test_a_declared_pythonpath_stands_for_the_layers_and_never_for_the_code(
    make: MakeFunction, running: Running, tmp_path: Path
) -> None:
    layer = written(tmp_path / "layer", {"python/of_the_layer.py": ""})
    declared = written(tmp_path / "declared", {"of_the_path.py": ""})
    source = """
        import importlib.util as found, os, of_the_path
        def handler(event, context):
            return [found.find_spec("of_the_layer") is None, os.environ["PYTHONPATH"]]
    """
    function = make(source, layers=(layer,), environment={"PYTHONPATH": str(declared)})
    async with running(function) as functions:
        assert told(await functions.invoke("Echo", b"{}")) == [True, str(declared)]


async def test_lines_of_pth_files_count_in_code_and_layers(
    make: MakeFunction, running: Running, tmp_path: Path
) -> None:
    layer = written(tmp_path / "layer", {"python/more.pth": "inner\n", "python/inner/of_the_layer.py": ""})
    function = make("import of_the_layer, of_the_code\n" + ECHO, layers=(layer,))
    written(function.code, {"vendored.pth": "vendored\n", "vendored/of_the_code.py": ""})
    async with running(function) as functions:
        assert told(await functions.invoke("Echo", b"1")) == 1


async def test_a_process_that_a_function_starts_has_lambdas_pythonpath_and_finds_nothing_of_samlets_there(
    make: MakeFunction, running: Running
) -> None:
    source = """
        import subprocess, sys
        def handler(event, context):
            program = "import os, importlib.util; print(os.environ['PYTHONPATH'], importlib.util.find_spec('sandbox'))"
            return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout
    """
    async with running(make(source)) as functions:
        assert told(await functions.invoke("Echo", b"{}")) == "/var/runtime None\n"
