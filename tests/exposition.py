"""What Samlet's `/metrics` tells of a Taskflow in which everything happens, made by the code that tells it."""

import io
from contextlib import redirect_stdout
from typing import Any

from observability.panels import FUNCTIONS
from samlet.emulator.metrics import Metrics
from samlet.runtime import Outcome
from taskflow.metrics import Metric, emit

_TELLERS = {
    "MAIL": ("mail_sender", "MailSenderFunction"),
    "DIGEST": ("nightly_digest", "NightlyDigestFunction"),
    "DIGESTS": ("nightly_digest", "NightlyDigestFunction"),
}
# The service that tells a metric, and its function.
TOLD_BY = {
    metric: _TELLERS.get(metric.name.split("_")[0], ("outbox_relay", "OutboxRelayFunction")) for metric in Metric
}


class Figures:
    """Counts what `happen` makes happen; `page` is what a scrape gets."""

    def __init__(self) -> None:
        self._records = dict.fromkeys(("delivered", "skipped", "unreadable", "given_up"), 0)
        self._metrics = Metrics(self._parts)

    def happen(self) -> None:
        """Everything, once more."""
        for function in FUNCTIONS:
            self._metrics.ended(function, Outcome("1", b"{}", duration_ms=20, init_ms=400, memory_used=64))
            self._metrics.ended(function, Outcome("2", b"{}", function_error="Unhandled", duration_ms=900))
            self._metrics.refused(function, "3", b"{}", "all are busy")
        for status in (200, 404, 503):
            self._metrics.answered("Api", "GET /tasks", status, 0.02)
        for metric, (service, function) in TOLD_BY.items():
            self._metrics.printed(function, "1", embedded(service, metric, 1))
        for result in self._records:
            self._records[result] += 1

    def page(self) -> str:
        return self._metrics.page().decode()

    def _parts(self) -> dict[str, dict[str, Any]]:
        mapping = {"topic": "events", "group": "mail-sender", "lag": 3, **self._records}
        return {"kafka_mappings": {"state": "ready", "mappings": {"MailSenderEvents": mapping}}}


def embedded(service: str, metric: Metric, value: float) -> str:
    """The line that a function prints."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        emit(service, {metric: value})
    return printed.getvalue()
