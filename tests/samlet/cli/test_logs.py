"""`samlet logs` shows, follows and picks out, from the state folder's files alone."""

import io
import json
import time
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import httpx
import pytest

from samlet import log
from samlet.cli import log_file, log_lines
from samlet.cli.log_lines import Line, Trace
from samlet.errors import SamletError
from toy import Toy
from waiting import eventually

ROOT = "1-5759e988-bd862e3fe1be46a994272793"
W3C = ROOT[2:].replace("-", "")


def lines(*said: str) -> list[Line]:
    """Lines as `source text`, a millisecond apart."""
    pairs = (text.split(" ", 1) for text in said)
    return [Line(f"2026-11-21T00:00:00.{at:03}Z", source, text) for at, (source, text) in enumerate(pairs)]


ONE = lines(
    "a START RequestId: r1 Version: $LATEST",
    "a before the id is named",
    "b START RequestId: r2 Version: $LATEST",
    "a correlation c-77",
    "b nothing of it",
    "samlet c-77 was seen",
    "a after it",
    "a END RequestId: r1",
    "b END RequestId: r2",
    "a REPORT RequestId: r1 x",
    "b REPORT RequestId: r2 x",
    "a said between invocations",
    "c START RequestId: r3 Version: $LATEST",
    "c takes up c-77",
    "c END RequestId: r3",
    "c REPORT RequestId: r3 x",
)  # fmt: skip


def test_a_trace_has_every_invocation_that_names_its_id_whole_and_in_order() -> None:
    found = list(log_lines.of_trace(ONE, "c-77"))
    assert found == [line for line in ONE if line.source in ("a", "c", "samlet") and "between" not in line.text]


def test_a_request_id_finds_its_invocation_alone() -> None:
    assert {line.source for line in log_lines.of_trace(ONE, "r2")} == {"b"}
    assert len(list(log_lines.of_trace(ONE, "r2"))) == 4


def test_lines_of_two_at_once_are_told_apart_by_the_id_that_they_name() -> None:
    both = lines(
        "a START RequestId: r1 Version: 1",
        "a START RequestId: r2 Version: 1",
        'a {"id": "r1"}',
        'a {"id": "r2"}',
        "a whose is this",
        "a END RequestId: r2",
        "a REPORT RequestId: r2 x",
        "a mine alone",
        "a END RequestId: r1",
        "a REPORT RequestId: r1 x",
    )
    told = [line.text for line in log_lines.of_trace(both, "r1")]
    assert '{"id": "r2"}' not in told
    assert told == [line.text for line in both if "r2" not in line.text]


@pytest.mark.parametrize("asked", [ROOT, f"Root={ROOT};Parent=1;Sampled=1", W3C, f"00-{W3C}-{'1' * 16}-01"])
@pytest.mark.parametrize("said", [ROOT, W3C])
def test_xrays_and_w3cs_way_to_write_an_id_are_one(asked: str, said: str) -> None:
    assert list(log_lines.of_trace(lines(f"a x {said}", "a y"), asked)) == lines(f"a x {said}")


def test_while_following_the_lines_before_the_id_come_as_soon_as_it_is_named() -> None:
    picker = Trace("c-77")
    came = [[found.text for _, found in picker.take(line)] for line in ONE[:5]]
    assert came == [[], [], [], [line.text for line in ONE if line.source == "a"][:3], []]


def test_what_is_written_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_file", None)
    monkeypatch.setenv("TZ", "Asia/Tokyo")  # the file has UTC, wherever we are
    time.tzset()
    log.keep(tmp_path / "samlet.log")
    for source in ("relay", "a-name-that-is-longer-than-sixteen"):
        log.say(source, "  indented ")
    log.keep_no_more()
    parsed = [log_lines.parse(raw) for raw in log_file.read(tmp_path / "samlet.log")]
    assert [(line.source, line.text) for line in parsed if line] == [
        ("relay", "  indented "),
        ("a-name-that-is-longer-than-sixteen", "  indented "),
    ]
    assert parsed[0]
    assert abs((datetime.fromisoformat(parsed[0].time) - datetime.now(UTC)).total_seconds()) < 60
    assert log_lines.parse("half a li") is None
    monkeypatch.delenv("TZ")
    time.tzset()


def test_since_takes_ages_and_times_and_nothing_else() -> None:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert log_lines.since("90s", now) == "2026-11-21T11:58:30.000Z"
    assert log_lines.since("10m", now) == "2026-11-21T11:50:00.000Z"
    assert log_lines.since("3h", now) == "2026-11-21T09:00:00.000Z"
    assert log_lines.since("2d", now) == "2026-11-19T12:00:00.000Z"
    assert log_lines.since("2026-11-21T01:00:00+01:00", now) == "2026-11-21T00:00:00.000Z"
    with pytest.raises(SamletError, match="--since 'soon'"):
        log_lines.since("soon", now)


def test_following_goes_on_in_the_file_that_takes_the_place_of_a_full_one(tmp_path: Path) -> None:
    path, waits = tmp_path / "samlet.log", iter(range(10))
    path.with_name("samlet.log.1").write_text("zero\n")
    path.write_text("one\ntw")

    def wait(_: float) -> None:
        match next(waits):
            case 0:
                path.write_text("one\ntwo\nlast of the old\n")
                path.rename(path.with_name("samlet.log.1"))
            case 1:
                path.write_text("first of the new\n")

    assert list(islice(log_file.follow(path, wait), 5)) == ["zero", "one", "two", "last of the old", "first of the new"]


@pytest.fixture
def written(toy: Toy) -> Toy:
    (toy.folder / ".samlet").mkdir()
    text = "".join(f"{line.time} {line.source:<16} {line.text}\n" for line in ONE)
    (toy.folder / ".samlet" / "samlet.log").write_text(text)
    return toy


def test_the_log_is_shown_where_nothing_runs(written: Toy) -> None:
    shown = written.command("logs", "--function", "b", "--json")
    told = [json.loads(line) for line in shown.stdout.splitlines()]
    assert [line["text"] for line in told] == [line.text for line in ONE if line.source == "b"]
    assert told[0] == {
        "time": "2026-11-21T00:00:00.002Z",
        "source": "b",
        "text": "START RequestId: r2 Version: $LATEST",
    }
    assert len(written.command("logs", "--trace", "r3").stdout.splitlines()) == 4
    assert "\x1b" not in written.command("logs").stdout
    assert len(written.command("logs", "--since", "2026-11-21T00:00:00.010Z").stdout.splitlines()) == 6


@pytest.mark.parametrize(
    ("words", "status", "fault"),
    [
        (["--trace", "none"], 1, "no line of none"),
        (["--trace", " "], 2, "--trace needs"),
        (["--since", "soon"], 2, "--since"),
    ],
)
def test_what_cannot_be_found_or_understood_is_one_line(
    written: Toy, words: list[str], status: int, fault: str
) -> None:
    done = written.command("logs", *words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (status, "", 1)
    assert fault in done.stderr


def test_without_a_state_folder_it_says_that_nothing_was_logged(toy: Toy) -> None:
    done = toy.command("logs")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "nothing has been logged" in done.stderr


def test_a_function_is_known_by_its_logical_id_and_its_invocation_by_its_request_id(
    toy: Toy,
) -> None:
    toy.start()
    assert toy.command("invoke", "Tick", "--event", "-", stdin='{"a": 1}').returncode == 0
    shown = eventually(lambda: [line for line in _lines(toy, "--function", "Tick") if "REPORT" in line["text"]])
    request_id = shown[0]["text"].split("RequestId: ")[1].split()[0]
    assert [line["text"].split()[0] for line in _lines(toy, "--trace", request_id)] == ["START", "END", "REPORT"]
    toy.end()
    assert len(_lines(toy, "--trace", request_id)) == 3


def test_a_trace_is_found_by_ids_that_no_function_logs(toy: Toy) -> None:
    toy.start()
    answers = [
        httpx.get(f"{toy.addresses['api']}/hello", headers={"X-Amzn-Trace-Id": f"Root={ROOT}"}) for _ in range(2)
    ]
    httpx.get(f"{toy.addresses['api']}/hello")
    eventually(lambda: sum("REPORT" in line["text"] for line in _lines(toy, "--function", "Hello")) == 3)
    for asked, found in ((ROOT, 2), (W3C, 2), (answers[0].headers["apigw-requestid"], 1)):
        assert [line["text"].split()[0] for line in _lines(toy, "--trace", asked)] == ["START", "END", "REPORT"] * found
    assert "newest invocations came with it" in toy.command("logs", "--trace", "nobody's").stderr
    toy.end()
    done = toy.command("logs", "--trace", ROOT)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "known only while Samlet runs" in done.stderr


def _lines(toy: Toy, *words: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in toy.command("logs", "--json", *words).stdout.splitlines()]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colour_is_for_terminals_and_not_where_it_is_unwanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert log.painted("x", 31, _Terminal()) == "\x1b[31mx\x1b[0m"
    assert log.painted("x", 31, io.StringIO()) == "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert log.painted("x", 31, _Terminal()) == "x"
