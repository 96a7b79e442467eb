"""One run: pages of due users, a transaction each, until nobody is due or the function's time is nearly over.

The position is in the database: a page moves its users' `next_digest_at` beyond the slot, so the next page, the next
tick, or a second run at the same moment, go on with whoever is left.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from nightly_digest import compose, schedule
from taskflow import outbox, traces
from taskflow.clock import Clock
from taskflow.database import transaction
from taskflow.failpoints import reach
from taskflow.logs import logger_for

logger = logger_for("nightly_digest")

PAGE_SIZE = 1000
# Titles are the bulk of a page; reading them for fewer users at a time keeps a worst-case page below the memory limit.
TITLES_FOR = 100
TIME_TO_SPARE = 30.0  # seconds: what a page may need at worst


@dataclass(frozen=True)
class Progress:
    """What a run has done so far; `finished` says that nobody was left."""

    pages: int = 0
    users: int = 0
    digests: int = 0
    finished: bool = False

    def report(self) -> dict[str, Any]:
        return {"pages": self.pages, "users": self.users, "digests": self.digests, "finished": self.finished}


def run(engine: Engine, slot: datetime, *, remaining: Callable[[], float], clock: Clock) -> Progress:
    """Requests the digests due at a slot; stops early, with `finished` false, when 30 s are left."""
    progress = Progress()
    while remaining() >= TIME_TO_SPARE:
        with transaction(engine) as session:
            users, requested = request_page(session, slot, clock())
            reach("digest.before_commit")
        reach("digest.after_commit")
        if not users:
            return replace(progress, finished=True)
        for event_id, traceparent in requested:  # each has a trace of its own, which leads from here to the mail
            known = {"event_id": str(event_id), "correlation_id": traces.trace_id(traceparent)}
            logger.info("digest requested", extra=known)
        progress = replace(
            progress, pages=progress.pages + 1, users=progress.users + users, digests=progress.digests + len(requested)
        )
    return progress


def request_page(session: Session, slot: datetime, now: datetime) -> tuple[int, list[tuple[UUID, str]]]:
    """The next page of due users, in the session's transaction; how many they were, and what is requested for them.

    That is the id and the traceparent of each digest's event.
    """
    users = schedule.lock_due(session, slot, PAGE_SIZE)
    if not users:
        return 0, []
    stats = compose.count_tasks(session, [user.id for user in users if user.enabled])
    wanted = {user.id: user for user in users if user.enabled}
    entries = [schedule.entry(user, slot, empty=not stats[user.id].undone) for user in wanted.values()]
    new = schedule.enter(session, entries)
    reach("digest.after_ledger")
    to_write = [entry for entry in entries if entry.user_id in new]
    requested: list[tuple[UUID, str]] = []
    for start in range(0, len(to_write), TITLES_FOR):
        chunk = to_write[start : start + TITLES_FOR]
        titles = compose.newest_titles(session, [entry.user_id for entry in chunk])
        events = compose.events(chunk, wanted, stats, titles, now)
        traceparents = outbox.add_all(session, events)
        requested += zip((event.event_id for event in events), traceparents, strict=True)
    reach("digest.after_outbox")
    schedule.advance(session, users, slot)
    reach("digest.after_advance")
    return len(users), requested
