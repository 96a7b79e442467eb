"""A symbolic link on the way to code: where it leads when an event comes is what the event meets."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from functions_on_the_spot import MakeFunction
from samlet.runtime import Environments
from waiting import eventually_async

from .reloading import Reloading, answer
from .test_reload import VERSION, with_one_time


def releases(folder: Path, name: str, text: str) -> Path:
    """Two releases of equal size and time, and the link that leads to the first of them."""
    for number in (1, 2):
        file = folder / str(number) / name
        file.parent.mkdir(parents=True)
        with_one_time(file, text.format(number))
    (folder / "current").symlink_to("1")
    return folder / "current"


def renamed(link: Path, target: str) -> None:
    link.with_name("next").symlink_to(target)
    link.with_name("next").replace(link)


def made_anew(link: Path, target: str) -> None:
    link.unlink()
    link.symlink_to(target)


RE_POINTED = pytest.mark.parametrize("point", [renamed, made_anew])
BY_STAT = pytest.mark.parametrize("by_stat", [False, True])


@BY_STAT
@RE_POINTED
@pytest.mark.parametrize("inner", [".", "code", "a.b/code"])
async def test_a_link_to_the_code_that_leads_elsewhere_is_a_save(
    make: MakeFunction, reloading: Reloading, tmp_path: Path, by_stat: bool, point: Any, inner: str
) -> None:
    current = releases(tmp_path / "releases", f"{inner}/app.py", VERSION)
    function = replace(make(""), code=current / inner)
    async with reloading(function, by_stat=by_stat) as (functions, _):
        assert await answer(functions) == 1
        point(current, "2")
        assert await answer(functions) == 2
        point(current, "1")
        assert await answer(functions) == 1
        point(current, "2")
        assert await answer(functions) == 2
        with_one_time(tmp_path / "releases" / "2" / inner / "app.py", VERSION.format(3))
        assert await answer(functions) == 3


@BY_STAT
@RE_POINTED
@pytest.mark.parametrize("others", [0, 1])
async def test_a_link_to_a_layer_that_leads_elsewhere_is_a_save(
    make: MakeFunction, reloading: Reloading, tmp_path: Path, by_stat: bool, point: Any, others: int
) -> None:
    current = releases(tmp_path / "releases", "python/shared.py", "VERSION = {}\n")
    (tmp_path / "other" / "python").mkdir(parents=True)
    layers = (current, *[tmp_path / "other"] * others)
    function = make("", layers=layers)
    source = "from shared import VERSION\ndef handler(event, context):\n    return VERSION\n"
    with_one_time(function.code / "app.py", source)  # what is old is compiled
    async with reloading(function, by_stat=by_stat) as (functions, _):
        assert await answer(functions) == 1
        point(current, "2")
        assert await answer(functions) == 2
        with_one_time(tmp_path / "releases" / "2" / "python" / "shared.py", "VERSION = 3\n")
        assert await answer(functions) == 3


async def test_a_running_event_loads_no_module_of_what_a_link_leads_to_by_then(
    make: MakeFunction, reloading: Reloading, tmp_path: Path
) -> None:
    source = """
import os, pathlib, time
def handler(event, context):
    pathlib.Path(event, "began").touch()
    while not pathlib.Path(event, "go").exists():
        time.sleep(0.01)
    import late
    return late.VERSION
"""
    current = releases(tmp_path / "releases", "late.py", "VERSION = {}\n")
    for number in (1, 2):
        (tmp_path / "releases" / str(number) / "app.py").write_text(source)
    function = replace(make(""), code=current, timeout=30)
    async with reloading(function) as (functions, _):
        running = asyncio.ensure_future(answer(functions, json.dumps(str(tmp_path)).encode()))
        await eventually_async(lambda: (tmp_path / "began").exists())
        renamed(current, "2")
        (tmp_path / "go").touch()
        assert await running == 1
        assert await answer(functions, json.dumps(str(tmp_path)).encode()) == 2


async def test_two_releases_of_the_same_second_and_size_are_told_apart_by_the_next_samlet(
    make: MakeFunction, reloading: Reloading, tmp_path: Path
) -> None:
    current = releases(tmp_path / "releases", "app.py", VERSION)
    function = replace(make(""), code=current)
    for number in (1, 2, 1):
        renamed(current, str(number))
        async with reloading(function) as (functions, _):
            assert await answer(functions) == number


@BY_STAT
async def test_what_another_release_requires_is_installed_before_the_next_event(
    make: MakeFunction, reloading: Reloading, environments: Environments, tmp_path: Path, by_stat: bool
) -> None:
    prepared: list[int] = []

    class Recording(Environments):
        async def prepare(self, functions: Any) -> None:
            await super().prepare(functions)
            prepared.append(1)

    current = releases(tmp_path / "releases", "app.py", VERSION)
    for number in (1, 2):
        (tmp_path / "releases" / str(number) / "requirements.txt").write_text("")
    function = replace(make(""), code=current)
    recording = Recording(environments.folder.parent, reaper=environments._reaper)
    async with reloading(function, environments=recording, by_stat=by_stat) as (functions, _):
        assert await answer(functions) == 1
        renamed(current, "2")
        assert await answer(functions) == 2
        assert prepared == [1]
