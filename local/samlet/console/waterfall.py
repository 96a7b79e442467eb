"""One correlation id on a time axis: what the record, Kafka and the mails tell of it, put in order.

It rests on evidence alone: ids that are named, and timestamps. Where an event waited before it was produced (in a
database's outbox, say) follows from the time its CloudEvents header gives, or from the end of the step before.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from samlet.console.correlation import Ids, Message
from samlet.console.reading import Reading, json_of
from samlet.console.record import Invocation

_MOST_IDS = 200
_LONGEST_WAIT = 86_400.0  # seconds; a header that tells of an older time tells of something else
_SLACK = 0.05


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as far as it can be traced; `at` in epoch seconds, `text` is what its headers say."""

    id: str
    at: float
    subject: str
    to: str
    text: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One step; `start` and `end` in epoch seconds, `marks` are moments in it, `target` leads to more in the page."""

    kind: str
    label: str
    detail: str
    start: float
    end: float
    state: str = "ok"
    target: str = ""
    marks: tuple[tuple[float, str], ...] = field(default=())


type Read = tuple[Invocation, Reading]


def related(wanted: str, items: Iterable[Ids]) -> frozenset[str]:
    """The ids that belong to `wanted` because one request, log line or record names both, and so on."""
    known, rest = {wanted}, [item.shared for item in items if len(item.shared) > 1]
    grown = True
    while grown and len(known) < _MOST_IDS:
        grown = False
        for shared in rest:
            if not shared <= known and shared & known:
                known |= shared
                grown = True
    return frozenset(known)


def requests_of(wanted: frozenset[str], reads: Sequence[Read]) -> frozenset[str]:
    """The request ids of the invocations that name one of these ids; the gateway's own request id is one, too.

    What merely belongs to the same trace as a request is left out: who asks for a request wants that one.
    """
    return frozenset(
        one.request_id
        for one, reading in reads
        if reading.correlations & wanted or any(each == _of_gateway(one, each) for each in wanted)
    )


def _of_gateway(invocation: Invocation, wanted: str) -> str | None:
    """The request id of the gateway, which the response has as `apigw-requestid`, if it can be `wanted`."""
    if not wanted or wanted.encode() not in invocation.event:
        return None
    event = json_of(invocation.event)
    context = event.get("requestContext") if isinstance(event, dict) else None
    return context.get("requestId") if isinstance(context, dict) else None


def items_of(reads: Iterable[Read], messages: Iterable[Message]) -> list[Ids]:
    """Everything that names ids together."""
    found = [message.ids for message in messages]
    for _, reading in reads:
        found += [reading.ids, *(ids for _, ids in reading.lines), *(message.ids for message in reading.messages)]
    return found


def waterfall(
    wanted: str, reads: Sequence[Read], messages: Iterable[Message], mails: Iterable[Mail], now: float
) -> dict[str, Any]:
    """Return all steps of a correlation id in the order in which they began; times in epoch seconds."""
    every = {message.place: message for _, reading in reads for message in reading.messages}
    every |= {message.place: message for message in messages}
    ids = related(wanted, items_of(reads, every.values()))
    ours = [(invocation, reading) for invocation, reading in reads if reading.correlations & ids]
    sent = [message for message in every.values() if message.ids.shared & ids]
    steps = [bar for invocation, reading in ours for bar in _invocation(invocation, reading, ids, now)]
    steps += [bar for message in sent for bar in _waits(message, ours, steps)]
    names = ids.union(*(message.ids.messages for message in sent))
    steps += [_mail(mail) for mail in mails if any(name in mail.text for name in names)]
    steps.sort(key=lambda bar: (bar.start, -bar.end))
    return {"id": wanted, "ids": sorted(ids), "bars": [asdict(bar) for bar in steps]}


def _invocation(invocation: Invocation, reading: Reading, ids: frozenset[str], now: float) -> list[Bar]:
    end = invocation.ended or now
    target = f"#/invocations/{invocation.key}"
    marks = tuple((line.at, line.text) for line, own in reading.lines if own.shared & ids)
    took = invocation.outcome.init_ms if invocation.outcome else None
    detail = f"{reading.source.kind}: {reading.source.text}" + (f"; cold start {took:.0f} ms" if took else "")
    bars = [Bar("invocation", invocation.function, detail, invocation.began, end, invocation.state, target, marks)]
    if reading.source.kind == "http" and not _is_replay(invocation):
        start = min(reading.source.received or invocation.began, invocation.began)
        status = f" → {reading.status}" if reading.status else ""
        state = "error" if invocation.state != "ok" or (reading.status or 0) >= 500 else "ok"
        bars.append(
            Bar("request", reading.source.text + status, "from its arrival to the end", start, end, state, target)
        )
    return bars


def _is_replay(invocation: Invocation) -> bool:
    return invocation.woken is not None and invocation.woken.kind == "replay"


def _waits(message: Message, ours: Sequence[Read], steps: Sequence[Bar]) -> list[Bar]:
    target = f"#/topics/{message.topic}/{message.partition}/{message.offset}"
    bars = []
    made, why = _made(message, steps)
    if made is not None:
        bars.append(Bar("outbox", "waits to be produced", why, made, message.timestamp, "ok", target))
    readers = [
        invocation.began
        for invocation, reading in ours
        if not _is_replay(invocation) and any(one.place == message.place for one in reading.messages)
    ]
    first = min(readers, default=message.timestamp)
    detail = f"until {len(readers)} invocation(s) took it" if readers else "no function here was woken by it"
    bars.append(Bar("topic", message.place, detail, message.timestamp, max(first, message.timestamp), "ok", target))
    return bars


def _made(message: Message, steps: Sequence[Bar]) -> tuple[float | None, str]:
    """When the event was made that a record carries, and how that is known."""
    if message.made:
        try:
            made = datetime.fromisoformat(message.made).timestamp()
        except ValueError:
            made = 0.0
        if 0 <= message.timestamp + _SLACK - made < _LONGEST_WAIT:
            return min(made, message.timestamp), "since its ce_time"
    before = [step.end for step in steps if step.kind == "request" and step.end <= message.timestamp + _SLACK]
    return (min(max(before), message.timestamp), "since the answer before it") if before else (None, "")


def _mail(mail: Mail) -> Bar:
    return Bar("mail", mail.subject or "(no subject)", f"to {mail.to}", mail.at, mail.at, "ok", f"#/mails/{mail.id}")
