"""The door of `nightly_digest`: the schedule's event comes in, one run for its slot is made."""

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from sqlalchemy import Engine

from nightly_digest.run import run
from nightly_digest.slot import parse_slot
from taskflow.clock import utc_now
from taskflow.database import engine_for
from taskflow.logs import logger_for
from taskflow.settings import DatabaseSettings, Environment

logger = logger_for("nightly_digest")

# A page of a thousand users is set-based work, and it may wait for a lock; still far below the function's time.
DATABASE_TIMEOUT = 20.0


@cache
def _engine() -> Engine:
    return engine_for(DatabaseSettings.read(Environment(), timeout=DATABASE_TIMEOUT))


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Requests the digests that are due at the event's slot, as far as the function's time goes."""
    slot = parse_slot(event)
    progress = run(_engine(), slot, remaining=lambda: context.get_remaining_time_in_millis() / 1000, clock=utc_now)
    report = {"slot": slot.isoformat(), **progress.report()}
    logger.info("digests requested", extra=report)
    return report
