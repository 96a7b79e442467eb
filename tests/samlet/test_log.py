"""The log: on the terminal and in a file, which does not grow for ever."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from samlet import batches, log


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(log, "_file", None)
    monkeypatch.setattr(log, "_KEPT_BYTES", 1000)
    log.keep(tmp_path / "samlet.log")
    yield tmp_path / "samlet.log"
    log.keep_no_more()


def test_a_log_that_grows_is_kept_twice_at_most(kept: Path) -> None:
    for number in range(200):
        log.say("relay", f"line {number}")
    files = sorted(path.name for path in kept.parent.iterdir())
    assert files == ["samlet.log", "samlet.log.1"]
    assert all(path.stat().st_size < 1100 for path in kept.parent.iterdir())
    lines = [line for name in reversed(files) for line in (kept.parent / name).read_text().splitlines()]
    assert [line.split()[-1] for line in lines] == [str(number) for number in range(200 - len(lines), 200)]


def test_a_text_of_several_lines_is_told_line_by_line(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log.say("relay", "one\ntwo", level="error")
    assert [line.split()[1:] for line in kept.read_text().splitlines()] == [["relay", "one"], ["relay", "two"]]
    assert len(capsys.readouterr().err.splitlines()) == 2


async def test_what_is_said_after_the_end_is_shown_alone_and_the_file_is_closed(
    kept: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log.say("relay", "early")
    monkeypatch.setattr(batches, "PAUSE", 60.0)
    log.say("relay", "before")  # which is held back
    opened = log._file
    log.keep_no_more()
    log.say("relay", "after")
    log._said.flush()
    lines = await asyncio.to_thread(kept.read_text)
    assert [line.split()[-1] for line in lines.splitlines()] == ["early", "before"]
    assert "after" in capsys.readouterr().err
    assert opened
    assert opened.closed
