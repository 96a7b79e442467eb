"""Files that change again and again: reloads come to an end, events go on, and never by old code."""

import asyncio
import os
import re
import threading
from pathlib import Path

import pytest

from functions_on_the_spot import MakeFunction
from waiting import eventually_async

from .reloading import Reloading, answer


async def test_a_function_that_writes_into_its_own_folder_is_served_all_the_same(
    make: MakeFunction, reloading: Reloading, capsys: pytest.CaptureFixture[str]
) -> None:
    source = """
        import pathlib
        diary = pathlib.Path(__file__).with_name("diary.txt")
        diary.write_text(diary.read_text() + "x" if diary.exists() else "x")
        def handler(event, context):
            return len(diary.read_text())
    """
    async with reloading(make(source)) as (functions, _):
        assert await answer(functions) >= 3
    assert "its files change whenever it starts" in capsys.readouterr().err


async def test_a_file_that_changes_with_every_reload_does_not_make_them_endless(
    make: MakeFunction, reloading: Reloading, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loads = tmp_path / "loads"
    source = f"""
        import os, pathlib, threading
        with open({str(loads)!r}, "a") as file:
            file.write("x")
        diary = pathlib.Path(__file__).with_name("diary.txt")
        # Once it waits for an event, as whatever starts with a function does that writes from a thread of its own.
        threading.Timer(0.1, lambda: diary.write_text(str(os.getpid()))).start()
        def handler(event, context):
            return pathlib.Path(__file__).with_name("other.txt").read_text()
    """
    function = make(source)
    (function.code / "other.txt").write_text("old")
    async with reloading(function) as (functions, _):
        assert await answer(functions) == "old"
        await eventually_async(lambda: "diary.txt changes with every reload" in capsys.readouterr().err)
        await eventually_async(lambda: functions.status()["Echo"]["sandboxes"] == [])
        before = len(loads.read_text())
        (function.code / "other.txt").write_text("new")
        assert await answer(functions) == "new"
        assert before == 5


async def test_many_files_that_change_with_every_reload_are_one_warning(
    make: MakeFunction, reloading: Reloading, capsys: pytest.CaptureFixture[str]
) -> None:
    function = make("def handler(event, context):\n    return 1\n")
    said = ""
    async with reloading(function) as (functions, _):
        for turn in range(8):
            for number in range(30):  # as a switch of branches does
                (function.code / f"made_{number:02}.py").write_text(str(turn))
            assert await answer(functions) == 1
        async with asyncio.timeout(60):
            while "with every reload" not in said:
                await asyncio.sleep(0.05)
                said += capsys.readouterr().err
    (warning,) = (line for line in said.splitlines() if "with every reload" in line)
    assert re.search(r"made_\d\d.py and \d+ more change with every reload", warning)


async def test_a_file_that_never_rests_does_not_hold_the_events(
    make: MakeFunction, reloading: Reloading, capsys: pytest.CaptureFixture[str]
) -> None:
    function = make("import pathlib\ndef handler(event, context):\n    return pathlib.Path('app.txt').read_text()\n")
    over = threading.Event()

    def write() -> None:
        while not over.wait(0.0002):
            (function.code / "noise.txt").write_text("x")

    (function.code / "app.txt").write_text("old")
    async with reloading(function) as (functions, _):
        writing = threading.Thread(target=write)
        writing.start()
        try:
            assert await answer(functions) == "old"
            await eventually_async(lambda: "noise.txt changes with every reload" in capsys.readouterr().err)
            async with asyncio.timeout(60):
                for word in ("first", "second"):
                    (function.code / "app.txt").write_text(word)
                    assert await answer(functions) == word
        finally:
            over.set()
            writing.join()


async def test_what_samlet_prints_into_the_code_is_no_change(make: MakeFunction, reloading: Reloading) -> None:
    function = make("import os\ndef handler(event, context):\n    return os.getpid()\n")
    output = function.code / "output.txt"
    before = os.dup(1)
    with output.open("w") as file:
        os.dup2(file.fileno(), 1)
        try:
            async with reloading(function) as (functions, _):
                process = await answer(functions)
                os.write(1, b"said\n")
                assert await answer(functions) == process
                (function.code / "other.txt").write_text("saved")
                assert await answer(functions) != process
        finally:
            os.dup2(before, 1)
            os.close(before)
    assert output.read_text() == "said\n"
