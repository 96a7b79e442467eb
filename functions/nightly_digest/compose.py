"""What a digest says: counts over all tasks, and the newest titles, read for many users at a time."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import bindparam, func, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from nightly_digest.schedule import DueUser, Entry
from taskflow.events import MAX_TITLES, DailyDigestRequested, DigestStats, EventTooLarge, serialize
from taskflow.logs import logger_for
from taskflow.tables import Task

logger = logger_for("nightly_digest")

_NO_TASKS = DigestStats(total=0, done=0, undone=0)

# For each user the index gives the newest titles; a window function would read every task of everybody.
_NEWEST_TITLES = text(
    "SELECT wanted.user_id::uuid, newest.title"
    " FROM jsonb_array_elements_text(:users) WITH ORDINALITY AS wanted(user_id, place)"
    " CROSS JOIN LATERAL ("
    "  SELECT title, created_at, id FROM tasks"
    "  WHERE user_id = wanted.user_id::uuid AND NOT done AND deleted_at IS NULL"
    "  ORDER BY created_at DESC, id DESC LIMIT :titles"
    " ) AS newest"
    " ORDER BY wanted.place, newest.created_at DESC, newest.id DESC"
).bindparams(bindparam("users", type_=JSONB))


def count_tasks(session: Session, users: Sequence[UUID]) -> Mapping[UUID, DigestStats]:
    """Each user's counts of the tasks that are not in the trash; zeros for who has none."""
    done = func.count().filter(Task.done)
    counts = session.execute(
        select(Task.user_id, func.count(), done)
        .where(Task.user_id.in_(users), Task.deleted_at.is_(None))
        .group_by(Task.user_id)
    )
    stats = {user: DigestStats(total=total, done=done, undone=total - done) for user, total, done in counts}
    return defaultdict(lambda: _NO_TASKS, stats)


def newest_titles(session: Session, users: Sequence[UUID]) -> Mapping[UUID, list[str]]:
    """The newest undone titles of each user, newest first."""
    titles: dict[UUID, list[str]] = defaultdict(list)
    parameters = {"users": [str(user) for user in users], "titles": MAX_TITLES}
    for user, title in session.execute(_NEWEST_TITLES, parameters):
        titles[user].append(title)
    return titles


def events(
    entries: Sequence[Entry],
    users: Mapping[UUID, DueUser],
    stats: Mapping[UUID, DigestStats],
    titles: Mapping[UUID, list[str]],
    now: datetime,
) -> list[DailyDigestRequested]:
    """The events of ledger lines; a user whose event can't be made is reported, and holds up nobody else."""
    made = []
    for line in entries:
        if line.event_id is None:
            continue
        user = users[line.user_id]
        try:
            event = DailyDigestRequested(
                event_id=line.event_id,
                occurred_at=now,
                user_id=user.id,
                email=user.email,
                stats=stats[user.id],
                undone_titles=tuple(titles[user.id]),
            )
            serialize(event)
        except (ValidationError, EventTooLarge) as error:
            logger.error("no digest can be made", extra={"user_id": str(user.id), "error": type(error).__name__})
        else:
            made.append(event)
    return made
