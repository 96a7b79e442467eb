"""Layers laid over each other, and what a function finds of them."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from functions_on_the_spot import MakeFunction, Running
from samlet.runtime import Environments
from samlet.runtime.layers import merge


def layer(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def told(outcome: Any) -> Any:
    return json.loads(outcome.payload)


def content(root: Path) -> dict[str, str]:
    files = [Path(folder, name) for folder, _, names in os.walk(root, followlinks=True) for name in names]
    return {str(file.relative_to(root)): file.read_text() for file in files}


def test_no_layers_have_no_root_and_one_is_its_own(tmp_path: Path) -> None:
    assert merge([], tmp_path) is None
    assert merge([tmp_path / "a"], tmp_path) == tmp_path / "a"
    (tmp_path / "current").symlink_to("a")
    assert merge([tmp_path / "current"], tmp_path) == tmp_path / "a"


def test_files_of_all_layers_are_there_and_the_later_layer_wins(tmp_path: Path) -> None:
    first = layer(tmp_path / "1", {"python/a.py": "1", "python/both.py": "1", "python/package/one.py": "1", "x": "1"})
    second = layer(tmp_path / "2", {"python/b.py": "2", "python/both.py": "2", "python/package/two.py": "2"})
    third = layer(tmp_path / "3", {"bin/tool": "3", "x/inner": "3"})
    root = merge([first, second, third], tmp_path / "merged")
    assert root
    assert content(root) == {
        "bin/tool": "3",
        "python/a.py": "1",
        "python/b.py": "2",
        "python/both.py": "2",
        "python/package/one.py": "1",
        "python/package/two.py": "2",
        "x/inner": "3",
    }
    other = merge([third, second, first], tmp_path / "merged")
    assert other
    assert content(other)["python/both.py"] == "1"
    assert content(other)["x"] == "1"


def test_a_root_is_made_once_follows_its_files_and_is_another_when_one_is_added(tmp_path: Path) -> None:
    layers = [layer(tmp_path / name, {f"python/{name}.py": name}) for name in ("1", "2")]
    root = merge(layers, tmp_path / "merged")
    assert root
    assert merge(layers, tmp_path / "merged") == root
    layer(tmp_path / "1", {"python/1.py": "changed"})
    assert content(root)["python/1.py"] == "changed"
    layer(tmp_path / "1", {"python/new.py": "new"})
    renewed = merge(layers, tmp_path / "merged")
    assert renewed
    assert renewed != root
    assert content(renewed)["python/new.py"] == "new"
    assert len(list((tmp_path / "merged").iterdir())) == 2, "nothing half-made is left behind"


async def test_a_layers_modules_are_found_after_the_functions_own(
    make: MakeFunction, running: Running, tmp_path: Path
) -> None:
    folder = layer(tmp_path / "layer", {"python/shared.py": "WHO = 'layer'", "python/app.py": "1 / 0"})
    function = make("import shared\ndef handler(event, context):\n    return shared.WHO\n", layers=(folder,))
    async with running(function) as functions:
        assert told(await functions.invoke("Echo", b"{}")) == "layer"


async def test_packages_programs_and_files_of_several_layers_are_found_under_one_root(
    make: MakeFunction, running: Running, tmp_path: Path
) -> None:
    site = "python/lib/python3.13/site-packages"
    first = layer(
        tmp_path / "1", {f"{site}/packed.py": "WHO = 1", "python/who.py": "WHO = 1", "bin/tool": "#!/bin/sh\necho 1\n"}
    )
    second = layer(tmp_path / "2", {"python/who.py": "WHO = 2", "data/file": "two"})
    (first / "bin" / "tool").chmod(0o755)
    source = """
        import os, pathlib, subprocess
        import packed, who
        def handler(event, context):
            root = pathlib.Path(os.environ["LAMBDA_OPT_ROOT"])
            tool = subprocess.run(["tool"], capture_output=True, text=True).stdout
            libraries = os.environ["LD_LIBRARY_PATH"].endswith(f":{root}/lib")
            return [packed.WHO, who.WHO, tool, (root / "data" / "file").read_text(), libraries]
    """
    async with running(make(source, layers=(first, second))) as functions:
        assert told(await functions.invoke("Echo", b"{}")) == [1, 2, "1\n", "two", True]


async def test_an_event_without_one_of_its_layers_fails_by_name_until_it_is_back(
    make: MakeFunction, running: Running, tmp_path: Path
) -> None:
    first = layer(tmp_path / "1", {"python/one.py": "WHO = 1"})
    second = layer(tmp_path / "2", {"python/two.py": "WHO = 2"})
    source = "import one, two\ndef handler(event, context):\n    return [one.WHO, two.WHO]\n"
    async with running(make(source, layers=(first, second))) as functions:
        second.rename(tmp_path / "away")
        outcome = await functions.invoke("Echo", b"{}")
        assert outcome.function_error == "Unhandled"
        assert f"the layer {second} cannot be read: no such file or directory" in told(outcome)["errorMessage"]
        assert b"REPORT RequestId: " in outcome.log_tail
        (tmp_path / "away").rename(second)
        assert told(await functions.invoke("Echo", b"{}")) == [1, 2]


async def test_a_saved_file_of_a_merged_layer_is_what_the_next_sandbox_meets(
    make: MakeFunction, running: Running, tmp_path: Path, environments: Environments
) -> None:
    first = layer(tmp_path / "1", {"python/who.py": "WHO = 1"})
    second = layer(tmp_path / "2", {"python/other.py": ""})
    function = make("import who\ndef handler(event, context):\n    return who.WHO\n", layers=(first, second))
    async with running(function) as functions:
        assert told(await functions.invoke("Echo", b"{}")) == 1
        saved = first / "python" / "who.py"
        before = saved.stat()
        layer(first, {"python/who.py": "WHO = 2"})
        os.utime(saved, ns=(before.st_atime_ns, before.st_mtime_ns))  # within one second, and of the same size
        environments.forget_compiled(saved)
        functions.outdate(["Echo"])
        assert told(await functions.invoke("Echo", b"{}")) == 2


async def test_a_saved_file_behind_a_link_is_what_the_next_sandbox_meets(
    make: MakeFunction, running: Running, tmp_path: Path, environments: Environments
) -> None:
    function = make("def handler(event, context):\n    return 1\n")
    (tmp_path / "current").symlink_to(function.code.name)
    saved = tmp_path / "current" / "app.py"
    async with running(replace(function, code=saved.parent)) as functions:
        assert told(await functions.invoke("Echo", b"{}")) == 1
        before = saved.stat()
        saved.write_text("def handler(event, context):\n    return 2\n")
        os.utime(saved, ns=(before.st_atime_ns, before.st_mtime_ns))
        environments.forget_compiled(saved)
        functions.outdate(["Echo"])
        assert told(await functions.invoke("Echo", b"{}")) == 2
