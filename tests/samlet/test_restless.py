"""A file that changes with every reload stops to bring the next one; any other is reloaded each time."""

from pathlib import Path

from samlet.emulator.restless import Restless

DIARY, CODE = Path("/code/diary.txt"), Path("/code/app.py")
BOTH = frozenset({DIARY, CODE})


def reload(restless: Restless, *paths: Path, at: float, takes: float = 1) -> list[Path]:
    began = restless.reloading(paths, at)
    restless.reloaded(paths, at + takes)
    return began


def made_restless(*, takes: float = 1) -> Restless:
    restless = Restless()
    told = [reload(restless, DIARY, at=number * (takes + 1), takes=takes) for number in range(5)]
    assert told == [[], [], [], [], [DIARY]]
    return restless


def test_the_fifth_reload_in_a_row_because_of_one_file_is_the_last() -> None:
    assert made_restless().without(BOTH, 10) == {CODE}


def test_how_long_a_reload_takes_does_not_matter() -> None:
    assert made_restless(takes=40).without(BOTH, 206) == {CODE}


def test_a_change_while_the_function_is_being_loaded_is_in_the_same_row() -> None:
    restless = Restless()
    assert [restless.reloading([DIARY], 10.0 * number) for number in range(5)][-1] == [DIARY]


def test_somebody_who_saves_now_and_then_is_served_each_time() -> None:
    restless = Restless()
    for number in range(20):
        assert reload(restless, CODE, at=3.5 * number) == []
        assert restless.without(BOTH, 3.5 * number + 3.4) == BOTH


def test_it_is_said_once() -> None:
    restless = made_restless()
    assert reload(restless, DIARY, CODE, at=10) == []


def test_a_file_that_was_left_alone_for_a_minute_is_one_like_any_other() -> None:
    restless = made_restless()  # for the last time at 9
    assert restless.without(BOTH, 68) == {CODE}
    assert restless.without(BOTH, 127) == {CODE}
    assert restless.without(BOTH, 188) == BOTH
    assert reload(restless, DIARY, at=188) == []
