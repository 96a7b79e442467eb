"""What the relay tells: what each turn published, when trouble starts and ends, each refusal, the figures now and then.

The figures are those of `taskflow.metrics`: the oldest event's age, backlog, dead and published events.
"""

import time

from aws_lambda_powertools import Logger
from sqlalchemy import Engine

from outbox_relay.queue import Backlog, measure
from outbox_relay.turn import Turn
from taskflow.database import transaction
from taskflow.metrics import Metric, emit
from taskflow.outage import DatabaseUnavailable


class Report:
    """Keeps what was said last, so that an outage is two lines and not one for each turn."""

    def __init__(self, log: Logger, *, every: float = 30.0) -> None:
        self.published = 0
        self._log = log
        self._every = every
        self._published_before = 0
        self._trouble: str | None = None
        self._measured_at = time.monotonic()

    def turn(self, turn: Turn, trouble: str | None) -> None:
        """Take note of a turn."""
        self.published += turn.published
        if turn.refused:
            self._log.error("events refused by Kafka", event_ids=turn.refused, dead=turn.dead)
        source = trouble and trouble.partition(":")[0]
        if source and source != self._trouble:
            self._log.warning("can't publish, will keep trying", reason=trouble)
        if self._trouble and not source:
            self._log.info("publishing again", was=self._trouble)
        self._trouble = source
        if turn.events:  # one line: two hundred would take longer than to publish them
            self._log.info("events published", events=turn.events)

    def measure_if_due(self, engine: Engine) -> None:
        """The figures, every so many seconds."""
        if time.monotonic() - self._measured_at >= self._every:
            self.measure(engine)

    def measure(self, engine: Engine) -> None:
        """The figures; without a database there are none."""
        self._measured_at = time.monotonic()
        try:
            with transaction(engine) as session:
                backlog = measure(session)
        except DatabaseUnavailable:
            return
        _emit(backlog, self.published - self._published_before)
        self._published_before = self.published


def _emit(backlog: Backlog, published: int) -> None:
    figures = {
        Metric.OLDEST_EVENT_AGE: backlog.oldest_seconds,
        Metric.BACKLOG: backlog.waiting,
        Metric.DEAD: backlog.dead,
        Metric.PUBLISHED: published,
    }
    emit("outbox_relay", figures)
