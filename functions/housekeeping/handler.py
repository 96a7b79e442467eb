"""`housekeeping`: woken daily; deletes from the tables that it reads, and from no others."""

from functools import cache
from typing import Protocol

from sqlalchemy import Engine

from housekeeping.retention import rules
from housekeeping.sweep import sweep
from taskflow.clock import utc_now
from taskflow.database import engine_for
from taskflow.logs import logger_for
from taskflow.settings import DatabaseSettings, Environment

_RESERVE_MS = 65_000  # a statement that has just begun may take as long
_DATABASE_TIMEOUT = 62.0  # seconds: above the role's statement_timeout

log = logger_for("housekeeping")


class Context(Protocol):
    """The part of Lambda's context that the sweep needs."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int: ...


def handler(_event: object, context: Context) -> dict[str, int]:
    """Sweep until all is gone that may go, or the time is nearly up; gives the number of rows by kind."""
    log.append_keys(function_request_id=context.aws_request_id)
    deleted = sweep(
        _engine(),
        rules(Environment(), utc_now()),
        time_is_up=lambda: context.get_remaining_time_in_millis() < _RESERVE_MS,
    )
    log.info("swept", deleted=deleted)
    return deleted


@cache
def _engine() -> Engine:
    return engine_for(DatabaseSettings.read(Environment(), timeout=_DATABASE_TIMEOUT))
