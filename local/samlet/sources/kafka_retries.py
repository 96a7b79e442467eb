"""What is left of a batch after an attempt: what is done, what is tried again and how, what is given up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from samlet.sources.kafka_event import Entry
from samlet.sources.kafka_invocation_records import EXPIRED, Failure
from samlet.sources.kafka_route import Backoff


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records that are tried together, grouped by partition, `wait` seconds from now; `failures` attempts failed.

    With `lost` they are not tried any more but given up, in their turn.
    """

    entries: Sequence[Entry]
    failures: int = 0
    wait: float = 0.0
    lost: Failure | None = None

    @property
    def partitions(self) -> list[Sequence[Entry]]:
        """The records of each partition."""
        return [list(group) for _, group in groupby(self.entries, key=lambda entry: entry.record.partition)]


@dataclass(frozen=True, slots=True)
class Rules:
    """How a mapping retries; `retries` None for ever."""

    retries: int | None = None
    bisect: bool = False
    backoff: Backoff = field(default_factory=Backoff)


@dataclass(slots=True)
class Left:
    """What an attempt leaves. The chunks of one partition are in order, and no chunk is tried before an earlier one."""

    done: list[Entry] = field(default_factory=list)
    again: list[Chunk] = field(default_factory=list)
    given_up: list[Chunk] = field(default_factory=list)


def without_expired(chunk: Chunk, oldest: float, reason: str) -> tuple[Chunk, list[Chunk]]:
    """Return what can be tried now, and what comes after that: expired records, and those behind them.

    What is expired is older than `oldest`, in epoch milliseconds.
    """
    now: list[Entry] = []
    later: list[Chunk] = []
    for entries in chunk.partitions:
        young = next((at for at, one in enumerate(entries) if one.record.timestamp >= oldest), len(entries))
        if not young:
            now += entries
            continue
        later.append(Chunk(entries[:young], chunk.failures, lost=Failure(EXPIRED, chunk.failures, reason=reason)))
        if entries[young:]:
            later.append(Chunk(entries[young:], chunk.failures))
    return Chunk(now, chunk.failures), later


def after(chunk: Chunk, failed: Mapping[int, int] | None, rules: Rules) -> Left:
    """Return what is left; `failed` names by partition the first record that failed, None says that all did."""
    left = Left()
    if failed is None:
        _retry(chunk, rules, left)
        return left
    for entries in chunk.partitions:
        first = failed.get(entries[0].record.partition)
        done = [entry for entry in entries if first is None or entry.record.offset < first]
        left.done += done
        if not done:
            _retry(Chunk(entries, chunk.failures), rules, left)
        elif first is not None:
            left_over = entries[len(done) :]
            if rules.bisect and len(left_over) > 1:  # split where the function says
                left.again.append(Chunk(left_over, 0, rules.backoff.first))
            else:
                _retry(Chunk(left_over), rules, left)
    return left


def _retry(chunk: Chunk, rules: Rules, left: Left) -> None:
    if rules.bisect and len(chunk.entries) > 1:
        # Splitting a batch does not use up attempts.
        left.again += [Chunk(half, chunk.failures, rules.backoff.first) for half in halves(chunk)]
        return
    failures = chunk.failures + 1
    if rules.retries is not None and failures > rules.retries:
        left.given_up.append(Chunk(chunk.entries, failures))
    else:
        left.again.append(Chunk(chunk.entries, failures, rules.backoff.after(failures)))


def halves(chunk: Chunk) -> tuple[Sequence[Entry], Sequence[Entry]]:
    """Return two parts: at the partition that begins nearest to the middle, else in the middle."""
    entries = chunk.entries
    middle = len(entries) / 2
    begins = [at for at in range(1, len(entries)) if entries[at].record.partition != entries[at - 1].record.partition]
    at = min(begins, key=lambda begin: abs(begin - middle), default=int(middle))
    return entries[:at], entries[at:]
