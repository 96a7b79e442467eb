"""`outbox_relay`: woken every minute, runs for nearly two; reads the outbox, writes Kafka and the outbox's marks."""

from contextlib import closing
from functools import cache
from typing import Any, Protocol

from sqlalchemy import Engine

from outbox_relay.relay import Pace, run
from outbox_relay.report import Report
from taskflow import traces
from taskflow.clock import utc_now
from taskflow.database import engine_for
from taskflow.kafka import KafkaPublisher
from taskflow.logs import logger_for
from taskflow.settings import DatabaseSettings, Environment, KafkaSettings

_RESERVE_MS = 6_000  # a turn that has just begun may take as long
_DATABASE_TIMEOUT = 5.5  # seconds: above the role's lock_timeout, below the reserve

log = logger_for("outbox_relay")


class Context(Protocol):
    """The part of Lambda's context that the relay needs."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int: ...


@traces.traced("outbox_relay")
def handler(_event: object, context: Context) -> dict[str, Any]:
    """Relay until the time is nearly up; gives the number of events published."""
    log.append_keys(function_request_id=context.aws_request_id)
    environment = Environment()
    report = Report(log)
    with closing(KafkaPublisher(KafkaSettings.read(environment))) as publisher:
        run(
            _engine(),
            publisher,
            report,
            pace=Pace(poll=environment.number("RELAY_POLL_SECONDS", Pace.poll)),
            clock=utc_now,
            time_is_up=lambda: context.get_remaining_time_in_millis() < _RESERVE_MS,
        )
    report.measure(_engine())
    return {"published": report.published}


@cache
def _engine() -> Engine:
    return engine_for(DatabaseSettings.read(Environment(), timeout=_DATABASE_TIMEOUT))
