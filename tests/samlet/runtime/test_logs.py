"""What a sandbox prints, read from its pipe."""

import os
from pathlib import Path

from samlet.runtime.logs import LogFile, SandboxLog
from waiting import eventually_async


async def test_a_process_that_prints_as_fast_as_we_read_does_not_keep_us() -> None:
    lines: list[str] = []

    def output(line: str) -> None:
        lines.append(line)
        assert len(lines) < 100
        os.write(writer, b"one more\n")

    log = SandboxLog("echo", LogFile(None, "echo"), output)
    writer = log.open()
    os.write(writer, b"first\n")
    log.drain()
    assert lines == ["first"]
    log.drain()
    assert lines == ["first", "one more"]
    log.close()
    os.close(writer)


async def test_everything_that_fits_a_pipe_is_there_when_the_process_has_ended(tmp_path: Path) -> None:
    lines: list[str] = []
    log = SandboxLog("echo", LogFile(tmp_path, "echo"), lines.append)
    writer = log.open()
    os.set_blocking(writer, False)
    printed = os.write(writer, b"0123456\n" * 100_000)
    os.close(writer)
    log.close()
    assert len("\n".join(lines)) == printed - 1
    assert (tmp_path / "echo.log").read_text() == "0123456\n" * (printed // 8)


async def test_what_is_printed_is_shown_while_nothing_else_happens_and_in_order_with_the_platforms_lines() -> None:
    lines: list[str] = []
    log = SandboxLog("echo", LogFile(None, "echo"), lines.append)
    writer = log.open()
    os.write(writer, b"one\ntwo\n")
    await eventually_async(lambda: lines == ["one", "two"])
    os.write(writer, b"three\n")
    log.read()
    log.begin("r1")
    assert lines == ["one", "two", "three"], "before START, and so before the event is the one whose lines they are"
    log.close()
    os.close(writer)
