"""Deletes what has had its time, in batches, so that no transaction is long and any of them may be the last."""

from collections.abc import Callable, Iterable

from sqlalchemy import Engine

from housekeeping.retention import Rule, delete_batch

BATCH = 1000


def sweep(
    engine: Engine, rules: Iterable[Rule], *, time_is_up: Callable[[], bool], batch: int = BATCH
) -> dict[str, int]:
    """How many rows went, by rule; what is left when the time is up is for tomorrow."""
    deleted: dict[str, int] = {}
    for rule in rules:
        deleted[rule.name] = 0
        while not time_is_up():
            count = delete_batch(engine, rule, batch)
            deleted[rule.name] += count
            if count < batch:
                break
    return deleted
