"""The lines of `samlet.log`, and which of them belong to one trace."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from samlet.errors import WrongUsage

_NAMES_WIDTH = 16  # as log.say pads them
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ")
_AGE = re.compile(r"(\d+)(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_BEGINS = re.compile(r"START RequestId: (\S+)")
_REPORT = re.compile(r"REPORT RequestId: (\S+)")
_XRAY = re.compile(r"(?:Root=)?1-([0-9a-f]{8})-([0-9a-f]{24})(?:;.*)?")
_W3C = re.compile(r"(?:00-)?([0-9a-f]{32})(?:-[0-9a-f]{16}-[0-9a-f]{2})?")


@dataclass(frozen=True, slots=True)
class Line:
    """One line: `time` in UTC, as text that sorts; who said it, a function's name or `samlet`, and what."""

    time: str
    source: str
    text: str


def parse(raw: str) -> Line | None:
    """A line of the file taken apart; None for what is none, such as half a line after a crash."""
    if not _STAMP.match(raw):
        return None
    stamp, _, rest = raw.partition(" ")
    source = rest.partition(" ")[0]
    return Line(stamp, source, rest[max(_NAMES_WIDTH, len(source)) + 1 :])


def since(text: str, now: datetime) -> str:
    """The stamp that `10m`, `2h`, `3d` or an ISO 8601 time means; WrongUsage for anything else."""
    if age := _AGE.fullmatch(text):
        return _stamp(now - timedelta(**{_UNITS[age[2]]: int(age[1])}))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUsage(
            f"--since {text!r} is no time: say 30s, 10m, 2h, 1d, or one such as 2026-11-21T00:00:00Z"
        ) from None
    return _stamp(moment if moment.tzinfo else moment.astimezone())


def forms(trace: str) -> frozenset[str]:
    """How one id may be written in a log: X-Ray's root and W3C's trace id are the same 32 digits."""
    if not trace.strip():
        raise WrongUsage("--trace needs a request id, a correlation id or an X-Ray trace id")
    root, w3c = _XRAY.fullmatch(trace), _W3C.fullmatch(trace)
    digits = root[1] + root[2] if root else w3c[1] if w3c else None
    return frozenset({digits, f"1-{digits[:8]}-{digits[8:]}"} if digits else {trace})


@dataclass
class _Invocation:
    """One invocation while it lasts, with the lines that wait for the trace's id to be named."""

    request_id: str
    waiting: list[tuple[int, Line]] = field(default_factory=list)
    wanted: bool = False


class Trace:
    """Picks the lines of one trace out of all: every invocation that names its id, whole, and single lines that do.

    `requests` are ids of requests that are known to belong to it though no line says so.

    Where a function ran several at a time, a line that names no request id is counted to all of them.
    """

    def __init__(self, trace: str, requests: Iterable[str] = ()) -> None:
        self._ids = forms(trace) | frozenset(requests)
        self._open: dict[str, dict[str, _Invocation]] = {}
        self._number = 0

    def take(self, line: Line) -> list[tuple[int, Line]]:
        """The lines that are known to be wanted now, numbered in the order in which they came."""
        self._number += 1
        numbered, named = (self._number, line), any(form in line.text for form in self._ids)
        running = self._open.setdefault(line.source, {})
        if begins := _BEGINS.match(line.text):
            running[begins[1]] = _Invocation(begins[1])
        concerned = [one for one in running.values() if one.request_id in line.text] or list(running.values())
        known = any(one.wanted for one in concerned)
        found: list[tuple[int, Line]] = [numbered] if (named or known) else []
        for one in concerned:
            if named and (len(concerned) == 1 or one.request_id in line.text):
                found += one.waiting
                one.waiting, one.wanted = [], True
            elif not one.wanted:
                one.waiting.append(numbered)
        if ends := _REPORT.match(line.text):
            running.pop(ends[1], None)
        return sorted(set(found), key=lambda pair: pair[0])


def of_trace(lines: Iterable[Line], trace: str, requests: Iterable[str] = ()) -> Iterator[Line]:
    """The lines of a trace in order, of a log that has ended."""
    picker = Trace(trace, requests)
    found = {number: line for each in lines for number, line in picker.take(each)}
    yield from (found[number] for number in sorted(found))


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
