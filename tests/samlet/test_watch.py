"""What was saved is known at once, however it was saved, by the kernel's queue and by looking at the files."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from samlet.emulator.watch import KernelWatch, StatWatch, Watched, newest
from samlet.state import State

KINDS = [
    pytest.param(
        KernelWatch, marks=pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's"), id="kernel"
    ),
    pytest.param(StatWatch, id="stat"),
]

type AnyWatch = KernelWatch | StatWatch


@pytest.fixture(params=KINDS)
def watch(request: pytest.FixtureRequest) -> Iterator[AnyWatch]:
    made: AnyWatch = request.param()
    yield made
    made.close()


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "project" / "code"
    (folder / "inner").mkdir(parents=True)
    (folder / "app.py").write_text("old = 1")
    (folder / "inner" / "module.py").write_text("old = 1")
    return folder


def follow(watch: AnyWatch, *trees: Path, files: tuple[Path, ...] = ()) -> None:
    limit = (trees or files)[0].parent
    watch.follow(Watched(frozenset(trees), frozenset(files), limit))
    assert watch.changed() == frozenset()


def in_place(path: Path) -> None:
    path.write_text("new = 2")


def appended(path: Path) -> None:
    with path.open("a") as file:
        file.write("\n")


def renamed_over(path: Path) -> None:
    draft = path.with_name("___jb_tmp___")
    draft.write_text("new = 2")
    draft.replace(path)


def deleted_and_made(path: Path) -> None:
    path.unlink()
    path.write_text("new = 2")


def as_vim(path: Path) -> None:
    path.with_name("4913").touch()
    path.with_name("4913").unlink()
    path.rename(path.with_name(path.name + "~"))
    path.write_text("new = 2")
    path.with_name(path.name + "~").unlink()


def with_its_old_time_and_size(path: Path) -> None:
    before = path.stat()
    path.write_text("new = 2")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def touched(path: Path) -> None:
    os.utime(path, ns=(1, 1))


WAYS = [in_place, appended, renamed_over, deleted_and_made, as_vim, with_its_old_time_and_size, touched]


@pytest.mark.parametrize("save", WAYS)
def test_a_save_is_told_as_soon_as_it_is_over(watch: AnyWatch, code: Path, save: Callable[[Path], None]) -> None:
    follow(watch, code)
    for path in (code / "app.py", code / "inner" / "module.py"):
        save(path)
        assert watch.changed() == {path}
        assert watch.changed() == frozenset()


@pytest.mark.parametrize("save", WAYS)
def test_a_single_file_is_told_and_its_neighbours_are_not(
    watch: AnyWatch, code: Path, save: Callable[[Path], None]
) -> None:
    follow(watch, files=(code / "app.py",))
    (code / "neighbour.py").touch()
    assert watch.changed() == frozenset()
    save(code / "app.py")
    assert watch.changed() == {code / "app.py"}


def test_a_file_that_is_not_there_yet_is_told_when_it_comes(watch: AnyWatch, code: Path) -> None:
    follow(watch, files=(code / ".env",))
    (code / ".env").touch()
    assert watch.changed() == {code / ".env"}


def test_a_deleted_file_is_told(watch: AnyWatch, code: Path) -> None:
    follow(watch, code)
    (code / "app.py").unlink()
    assert watch.changed() == {code / "app.py"}


@pytest.mark.parametrize(
    "name",
    [
        ".git/index",
        "__pycache__/app.cpython-313.pyc",
        "inner/__pycache__/module.cpython-313.pyc.1234",
        "node_modules/left/pad.js",
        ".venv/bin/python",
        ".samlet/logs/hello.log",
        ".app.py.swp",
        "app.py~",
        "#app.py#",
        ".#app.py",
        "4913",
        "samlet.log",
        "nohup.out",
        ".DS_Store",
    ],
)
def test_what_tools_leave_behind_is_no_change(watch: AnyWatch, code: Path, name: str) -> None:
    follow(watch, code)
    (code / name).parent.mkdir(parents=True, exist_ok=True)
    (code / name).write_text("1")
    (code / name).write_text("22")
    assert watch.changed() == frozenset()


def test_a_virtual_environment_of_any_name_is_no_change(watch: AnyWatch, code: Path) -> None:
    (code / "myenv").mkdir()
    (code / "myenv" / "pyvenv.cfg").touch()
    follow(watch, code)
    (code / "myenv" / "module.py").touch()
    assert watch.changed() == frozenset()


def test_a_state_folder_of_any_name_is_no_change(watch: AnyWatch, code: Path) -> None:
    state = State(code / "mystate")
    with state.lock():
        state.log.touch()
        follow(watch, code)
        (state.folder / "schedules.json").touch()
        (state.folder / "code").mkdir()
        assert watch.changed() == frozenset()


def test_a_folder_with_such_a_name_counts_where_it_holds_the_code(watch: AnyWatch, tmp_path: Path) -> None:
    built = tmp_path / ".aws-sam" / "build" / "Hello"
    built.mkdir(parents=True)
    follow(watch, built)
    (built / "app.py").touch()
    assert watch.changed() == {built / "app.py"}


def test_a_new_folder_is_watched_with_what_was_in_it_when_it_came(watch: AnyWatch, code: Path) -> None:
    follow(watch, code)
    (code / "fresh" / "deep").mkdir(parents=True)
    (code / "fresh" / "deep" / "module.py").write_text("1")
    assert watch.changed()
    (code / "fresh" / "deep" / "module.py").write_text("2")
    assert code / "fresh" / "deep" / "module.py" in watch.changed()


def test_a_folder_that_was_moved_is_told_by_its_new_name(watch: AnyWatch, code: Path) -> None:
    follow(watch, code)
    (code / "inner").rename(code / "other")
    assert watch.changed()
    (code / "other" / "module.py").write_text("new = 22")
    assert watch.changed() == {code / "other" / "module.py"}


def test_a_build_that_is_replaced_as_a_whole_is_told_and_followed(watch: AnyWatch, tmp_path: Path) -> None:
    built = tmp_path / ".aws-sam" / "build" / "Hello"
    built.mkdir(parents=True)
    (built / "app.py").write_text("1")
    watch.follow(Watched(frozenset({built}), limit=tmp_path))
    shutil.rmtree(built.parent)
    assert watch.changed()
    built.mkdir(parents=True)
    (built / "app.py").write_text("2")
    assert watch.changed()
    (built / "app.py").write_text("33")
    assert watch.changed() == {built / "app.py"}


def test_a_link_that_leads_elsewhere_is_told_and_followed(watch: AnyWatch, tmp_path: Path) -> None:
    for version in ("one", "two"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "app.py").write_text(version)
    current = tmp_path / "current"
    current.symlink_to("one")
    follow(watch, current)
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").replace(current)
    assert watch.changed()
    (tmp_path / "two" / "app.py").write_text("2")
    assert watch.changed() == {current / "app.py"}
    (tmp_path / "one" / "app.py").write_text("1")
    assert watch.changed() == frozenset()


def releases(folder: Path) -> None:
    for number in (1, 2):
        (folder / "releases" / str(number) / "code").mkdir(parents=True)
        (folder / "releases" / str(number) / "code" / "app.py").write_text(str(number))
    (folder / "latest").symlink_to("releases/1")


def swap(link: Path, target: str) -> None:
    link.with_name("next").symlink_to(target)
    link.with_name("next").replace(link)


@pytest.mark.parametrize("target", ["latest/code", "../project/latest/code"])
def test_a_link_on_the_way_that_another_link_takes_is_told_and_followed(
    watch: AnyWatch, tmp_path: Path, target: str
) -> None:
    project = tmp_path / "project"
    releases(project)
    (project / "current").symlink_to(target)
    follow(watch, project / "current")
    swap(project / "latest", "releases/2")
    assert watch.changed()
    (project / "releases" / "2" / "code" / "app.py").write_text("22")
    assert watch.changed() == {project / "current" / "app.py"}


def test_a_link_upwards_is_followed_from_where_it_lies(watch: AnyWatch, tmp_path: Path) -> None:
    for version in ("old", "new"):
        (tmp_path / "deep" / version).mkdir(parents=True)
        (tmp_path / "deep" / version / "app.py").write_text(version)
    (tmp_path / "deep" / "inner").mkdir()
    (tmp_path / "deep" / "inner" / "code").symlink_to("../old")
    (tmp_path / "top").symlink_to("deep/inner")
    follow(watch, tmp_path / "top" / "code")
    (tmp_path / "deep" / "old").rename(tmp_path / "deep" / "away")
    assert watch.changed()
    (tmp_path / "deep" / "new").rename(tmp_path / "deep" / "old")
    assert watch.changed()
    (tmp_path / "deep" / "old" / "app.py").write_text("saved")
    assert watch.changed() == {tmp_path / "top" / "code" / "app.py"}


def test_a_link_that_several_folders_are_reached_by_is_told_for_each(watch: AnyWatch, tmp_path: Path) -> None:
    releases(tmp_path)
    (tmp_path / "other").symlink_to("latest")
    trees = [tmp_path / "latest", tmp_path / "other", tmp_path / "releases" / "1"]
    follow(watch, *trees)
    swap(tmp_path / "latest", "releases/2")
    changed = watch.changed()
    for tree in trees[:2]:
        assert any(path == tree or tree in path.parents for path in changed)
    assert not any(trees[2] in path.parents for path in changed)


def test_a_link_to_nowhere_is_told_when_the_place_comes_that_it_leads_to(watch: AnyWatch, tmp_path: Path) -> None:
    current = tmp_path / "current"
    current.symlink_to("releases/1")
    follow(watch, current)
    (tmp_path / "releases" / "1").mkdir(parents=True)
    watch.changed()
    (tmp_path / "releases" / "1" / "app.py").write_text("1")
    assert watch.changed() == {current / "app.py"}


def test_what_is_behind_links_in_the_folder_is_told_by_the_name_of_the_link(watch: AnyWatch, code: Path) -> None:
    shared = code.parent / "elsewhere"
    shared.mkdir()
    (shared / "a.py").write_text("1")
    (shared / "b.py").write_text("1")
    (code / "folder").symlink_to(shared)
    (code / "file.py").symlink_to("../elsewhere/b.py")
    follow(watch, code)
    (shared / "a.py").write_text("22")
    assert watch.changed() == {code / "folder" / "a.py"}
    (shared / "b.py").write_text("22")
    assert watch.changed() == {code / "folder" / "b.py", code / "file.py"}


def test_links_in_a_circle_do_no_harm(watch: AnyWatch, code: Path) -> None:
    (code / "inner" / "up").symlink_to("..")
    (code / "self").symlink_to("self")
    follow(watch, code)
    (code / "app.py").write_text("new = 22")
    assert code / "app.py" in watch.changed()


def test_what_changed_before_other_things_are_followed_is_still_told(watch: AnyWatch, code: Path) -> None:
    follow(watch, code)
    (code / "app.py").write_text("new = 22")
    watch.follow(Watched(frozenset({code}), frozenset({code.parent / "template.yaml"}), code.parent))
    assert watch.changed() == {code / "app.py"}


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
def test_when_the_kernel_lost_count_everything_may_have_changed(code: Path) -> None:
    longest = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    watch = KernelWatch()
    follow(watch, code)
    for number in range(longest + 2):
        os.utime(code / ("app.py" if number % 2 else "inner/module.py"))  # the kernel joins equal neighbours
    assert code in watch.changed()
    (code / "app.py").write_text("new = 22")
    assert watch.changed() == {code / "app.py"}
    watch.close()


def test_the_newest_file_of_all_is_known(code: Path) -> None:
    for path, at in ((code / "app.py", 100), (code / "inner" / "module.py", 300)):
        os.utime(path, (at, at))
    assert newest(Watched(frozenset({code}))) == 300
    assert newest(Watched()) == 0
