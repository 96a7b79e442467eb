"""Hot reload on real sandboxes: what is saved counts from the next event on, and never what was before."""

import asyncio
import errno
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from functions_on_the_spot import MakeFunction
from samlet.emulator.inotify import Inotify
from samlet.emulator.reload import affected, watched_folders
from samlet.errors import EnvironmentFailed
from samlet.model import Function
from samlet.runtime import Environments
from waiting import eventually_async

from .reloading import Reloading, answer

VERSION = "def handler(event, context):\n    return {}\n"


def in_place(path: Path, text: str) -> None:
    path.write_text(text)


def renamed_over(path: Path, text: str) -> None:
    draft = path.with_name(path.name + ".draft")
    draft.write_text(text)
    draft.replace(path)


def deleted_first(path: Path, text: str) -> None:
    path.unlink()
    path.write_text(text)


def with_one_time(path: Path, text: str) -> None:
    path.write_text(text)
    os.utime(path, (1_000_000_000, 1_000_000_000))


SAVES = (in_place, renamed_over, deleted_first, with_one_time)


@pytest.mark.parametrize(("by_stat", "rounds"), [(False, 100), (True, 20)])
async def test_an_event_right_after_a_save_never_meets_what_was_before(
    make: MakeFunction, reloading: Reloading, tmp_path: Path, by_stat: bool, rounds: int
) -> None:
    layer = tmp_path / "layer"
    (layer / "python").mkdir(parents=True)
    shared = layer / "python" / "shared.py"
    shared.write_text("VERSION = 10000\n")
    function = make("from shared import VERSION\ndef handler(event, context):\n    return VERSION\n", layers=(layer,))
    own = function.code / "app.py"
    async with reloading(function, by_stat=by_stat) as (functions, _):
        assert await answer(functions) == 10000
        for number in range(rounds):
            save = SAVES[number % len(SAVES)]
            if number % 5:
                save(own, f"def handler(event, context):\n    return {20000 + number}\n")
                assert await answer(functions) == 20000 + number
            else:
                save(own, "from shared import VERSION\ndef handler(event, context):\n    return VERSION\n")
                save(shared, f"VERSION = {10000 + number}\n")
                assert await answer(functions) == 10000 + number


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
async def test_where_the_kernel_has_no_room_for_watches_files_are_looked_at(
    make: MakeFunction, reloading: Reloading, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_self: Inotify, _folder: Path) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Inotify, "add", full)
    function = make(VERSION.format(1))
    async with reloading(function) as (functions, _):
        assert "files are looked at one by one" in capsys.readouterr().err
        assert await answer(functions) == 1
        (function.code / "app.py").write_text(VERSION.format(2))
        assert await answer(functions) == 2


async def test_two_versions_of_the_same_second_and_size_are_told_apart_by_the_next_samlet(
    make: MakeFunction, reloading: Reloading
) -> None:
    function = make("def handler(event, context):\n    return 1\n")
    for number in range(2, 5):
        async with reloading(function) as (functions, _):
            with_one_time(function.code / "app.py", f"def handler(event, context):\n    return {number}\n")
            assert await answer(functions) == number


async def test_a_running_event_ends_on_the_code_that_it_began_with(make: MakeFunction, reloading: Reloading) -> None:
    source = """
        import pathlib, time
        def handler(event, context):
            pathlib.Path(event + ".began").touch()
            while not pathlib.Path(event).exists():
                time.sleep(0.01)
            return "old"
    """
    function = make(source)
    gate = function.code.parent / "gate"
    async with reloading(function) as (functions, _):
        running = asyncio.ensure_future(functions.invoke("Echo", json.dumps(str(gate)).encode()))
        await eventually_async(gate.with_suffix(".began").exists)
        (function.code / "app.py").write_text("def handler(event, context):\n    return 'new'\n")
        assert await answer(functions) == "new"
        assert not running.done()
        gate.touch()
        assert json.loads((await running).payload) == "old"
        assert await answer(functions) == "new"


async def test_a_sandbox_that_was_starting_serves_nothing_of_the_old_code(
    make: MakeFunction, reloading: Reloading, tmp_path: Path
) -> None:
    gate, began = tmp_path / "gate", tmp_path / "began"
    source = f"""
        import pathlib, time
        pathlib.Path({str(began)!r}).touch()
        while not pathlib.Path({str(gate)!r}).exists():
            time.sleep(0.01)
        def handler(event, context):
            return "old"
    """
    function = make(source)
    async with reloading(function) as (functions, _):
        waiting = asyncio.ensure_future(functions.invoke("Echo", b"0"))
        await eventually_async(began.exists)
        (function.code / "app.py").write_text("def handler(event, context):\n    return 'new'\n")
        gate.touch()
        assert json.loads((await waiting).payload) == "new"
        assert functions.status()["Echo"]["sandboxes"][0]["invocations"] == 1


async def test_what_cannot_be_loaded_is_an_error_and_its_mending_heals(
    make: MakeFunction, reloading: Reloading
) -> None:
    function = make("def handler(event, context):\n    return 'old'\n")
    async with reloading(function) as (functions, _):
        assert await answer(functions) == "old"
        (function.code / "app.py").write_text("def handler(:\n")
        assert (await answer(functions))["errorType"] == "Runtime.UserCodeSyntaxError"
        (function.code / "app.py").write_text("def handler(event, context):\n    return 'new'\n")
        assert await answer(functions) == "new"
        (function.code / "app.py").unlink()
        assert (await answer(functions))["errorType"] == "Runtime.ImportModuleError"


async def test_what_was_saved_is_loaded_ahead_of_the_next_event_and_said(
    make: MakeFunction, reloading: Reloading, capsys: pytest.CaptureFixture[str]
) -> None:
    function, other = make(VERSION.format(1)), make(VERSION.format(1), "Other")
    async with reloading(function, other) as (functions, _):
        before = [await answer(functions), await answer(functions, name="Other")]
        kept = functions.status()["Other"]["sandboxes"]
        renamed_over(function.code / "app.py", VERSION.format(2))

        def loaded() -> bool:
            sandboxes = functions.status()["Echo"]["sandboxes"]
            return bool(sandboxes) and sandboxes[0] | {"pid": 0} == {"pid": 0, "state": "idle", "invocations": 0}

        await eventually_async(loaded)
        assert functions.status()["Other"]["sandboxes"] == kept
        await eventually_async(lambda: "app.py changed: test-echo reloaded in 0." in capsys.readouterr().err)
        assert [await answer(functions), before] == [2, [1, 1]]


async def test_what_nobody_has_loaded_yet_is_not_loaded_by_being_saved(
    make: MakeFunction, reloading: Reloading, capsys: pytest.CaptureFixture[str]
) -> None:
    function = make(VERSION.format(1))
    async with reloading(function) as (functions, _):
        renamed_over(function.code / "app.py", VERSION.format(2))
        told = "app.py changed: it counts from the next event on for test-echo"
        await eventually_async(lambda: told in capsys.readouterr().err)
        assert functions.status()["Echo"]["sandboxes"] == []


async def test_leftovers_of_tools_leave_the_sandboxes_alone(make: MakeFunction, reloading: Reloading) -> None:
    function = make("import os\ndef handler(event, context):\n    return os.getpid()\n")
    async with reloading(function) as (functions, _):
        process = await answer(functions)
        for name in ("__pycache__", ".git", "node_modules"):
            (function.code / name).mkdir()
            (function.code / name / "file.pyc").touch()
        (function.code / ".app.py.swp").touch()
        assert await answer(functions) == process


async def test_a_changed_requirement_is_installed_before_the_next_event(
    make: MakeFunction, reloading: Reloading, environments: Environments
) -> None:
    prepared: list[str] = []

    class Recording(Environments):
        async def prepare(self, functions: Any) -> None:
            prepared.extend(function.logical_id for function in functions)
            await asyncio.sleep(0.05)
            prepared.append("done")

        async def python_for(self, function: Function) -> Path:
            return await super().python_for(replace(function, code=function.code.parent))

    function = make(VERSION.format(1))
    recording = Recording(environments.folder.parent, reaper=environments._reaper)
    async with reloading(function, environments=recording) as (functions, _):
        assert await answer(functions) == 1
        (function.code / "requirements.txt").write_text("")
        assert await answer(functions) == 1
        assert prepared == ["Echo", "done"]


async def test_events_wait_while_the_project_itself_is_read_anew(
    make: MakeFunction, reloading: Reloading, tmp_path: Path
) -> None:
    function = make("import os\ndef handler(event, context):\n    return os.environ.get('COLOUR')\n")
    template = tmp_path / "template.yaml"
    async with reloading(function, files=[template], limit=tmp_path) as (functions, reload):

        async def adopt(changed: frozenset[Path]) -> bool:
            assert changed == {template}
            await asyncio.sleep(0.05)
            await functions.replace({"Echo": replace(function, environment={"COLOUR": template.read_text()})})
            return True

        template.write_text("early")
        assert await answer(functions) is None  # nobody reads it yet
        reload.take_over(adopt)
        assert await answer(functions) == "early"
        for colour in ("red", "blue"):
            template.write_text(colour)
            assert await answer(functions) == colour


async def test_a_template_that_breaks_the_reading_does_not_hold_the_events(
    make: MakeFunction, reloading: Reloading, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = tmp_path / "template.yaml"
    async with reloading(make(VERSION.format(1)), files=[template], limit=tmp_path) as (functions, reload):

        async def adopt(_: frozenset[Path]) -> bool:
            raise KeyError("what nobody thought of")

        reload.take_over(adopt)
        template.touch()
        assert await answer(functions) == 1
        assert "KeyError while reloading" in capsys.readouterr().err


async def test_a_template_that_lacked_what_another_save_brings_is_read_again_with_that_save(
    make: MakeFunction, reloading: Reloading, tmp_path: Path
) -> None:
    template, function = tmp_path / "template.yaml", make(VERSION.format(1))
    told: list[frozenset[Path]] = []
    async with reloading(function, files=[template], limit=tmp_path) as (functions, reload):

        async def adopt(changed: frozenset[Path]) -> bool:
            told.append(changed)
            return (function.code / "openapi.yaml").exists()

        reload.take_over(adopt)
        template.touch()
        assert await answer(functions) == 1
        (function.code / "openapi.yaml").touch()
        assert await answer(functions) == 1
        (function.code / "app.py").write_text(VERSION.format(2))
        assert await answer(functions) == 2
        assert told == [{template}, {template}]


async def test_a_function_without_an_environment_is_not_told_as_reloaded(
    make: MakeFunction,
    reloading: Reloading,
    environments: Environments,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    function = make(VERSION.format(1))

    async def refuse(_: Function) -> Path:
        raise EnvironmentFailed("no such package")

    async with reloading(function) as (functions, _):
        assert await answer(functions) == 1
        monkeypatch.setattr(environments, "python_for", refuse)
        (function.code / "app.py").write_text(VERSION.format(2))
        said = "app.py changed: test-echo cannot be loaded"
        await eventually_async(lambda: said in capsys.readouterr().err)


def test_of_folders_within_each_other_the_inner_one_is_watched_if_the_outer_watch_leaves_it_out(
    make: MakeFunction, tmp_path: Path
) -> None:
    function = make("")
    inner, built = tmp_path / "a" / "b", tmp_path / ".aws-sam" / "build" / "B"
    functions = [replace(function, code=tmp_path), replace(function, code=inner), replace(function, code=built)]
    assert watched_folders(functions) == {tmp_path, built}


def test_a_change_affects_whose_folder_it_lies_in_and_whom_it_leads_to(make: MakeFunction, tmp_path: Path) -> None:
    function = make("")
    functions = {
        "Whole": replace(function, code=tmp_path),
        "Built": replace(function, code=tmp_path / ".aws-sam" / "build" / "Built"),
        "Other": replace(function, code=tmp_path / "other", layers=(tmp_path / "layer",)),
    }
    assert affected(functions, [tmp_path / "other" / "app.py"]) == ["Whole", "Other"]
    assert affected(functions, [tmp_path / "layer" / "python" / "a.py"]) == ["Whole", "Other"]
    assert affected(functions, [tmp_path / ".aws-sam" / "build" / "Built" / "app.py"]) == ["Built"]
    assert affected(functions, [tmp_path / ".aws-sam"]) == ["Built"]


async def test_saved_files_are_looked_for_again_after_an_error_that_nobody_foresaw(
    make: MakeFunction, reloading: Reloading, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = 0
    async with reloading(make("def handler(event, context):\n    return 1\n"), by_stat=True) as (_, reload):

        def changed() -> frozenset[Path]:
            nonlocal looks
            looks += 1
            if looks == 1:
                raise ZeroDivisionError("nonsense")
            return frozenset()

        monkeypatch.setattr(reload._watch, "changed", changed)
        await eventually_async(lambda: looks > 1)
    assert "looking for saved files begins again in 1 s: an error that nobody foresaw" in capsys.readouterr().err
