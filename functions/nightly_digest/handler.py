"""The door of `nightly_digest`: the schedule's event comes in, one run for its slot is made."""

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from sqlalchemy import Engine

from nightly_digest.run import Progress, run
from nightly_digest.schedule import overdue
from nightly_digest.slot import parse_slot
from taskflow import traces
from taskflow.clock import utc_now
from taskflow.database import engine_for, transaction
from taskflow.logs import logger_for
from taskflow.metrics import Metric, emit
from taskflow.outage import DatabaseUnavailable
from taskflow.settings import DatabaseSettings, Environment

logger = logger_for("nightly_digest")

# A page of a thousand users is set-based work, and it may wait for a lock; still far below the function's time.
DATABASE_TIMEOUT = 20.0


@cache
def _engine() -> Engine:
    return engine_for(DatabaseSettings.read(Environment(), timeout=DATABASE_TIMEOUT))


@traces.traced("nightly_digest")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Requests the digests that are due at the event's slot, as far as the function's time goes."""
    slot = parse_slot(event)
    known = {"faas.trigger": "timer", "taskflow.slot": slot.isoformat()}
    with traces.span("nightly_digest", "server", parent=None, attributes=known) as span:
        progress = run(_engine(), slot, remaining=lambda: context.get_remaining_time_in_millis() / 1000, clock=utc_now)
        span.note({"taskflow.users": progress.users, "taskflow.digests": progress.digests})
    _tell(progress)
    report = {"slot": slot.isoformat(), **progress.report()}
    logger.info("digests requested", extra=report)
    return report


def _tell(progress: Progress) -> None:
    try:
        with transaction(_engine()) as session:
            lag = overdue(session, utc_now())
    except DatabaseUnavailable:  # the digests are made; only their figures are missing
        return
    emit("nightly_digest", {Metric.DIGEST_LAG: lag.total_seconds(), Metric.DIGESTS_REQUESTED: progress.digests})
