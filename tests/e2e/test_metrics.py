"""One day of one user is seen on the page that Prometheus reads."""

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from e2e.system import System
from e2e.user import User
from waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


def total(system: System, name: str, **labels: str) -> float:
    """A metric's samples with these labels, added up."""
    page = httpx.get(f"{system.addresses['console']}/metrics").raise_for_status().text
    return sum(
        sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def test_requests_digests_mails_and_events_are_counted(system: System) -> None:
    mails_before = total(system, "taskflow_mail_sent_sum")
    ann = User(system)
    ann.add("milk")
    assert total(system, "samlet_http_requests_total", route="POST /tasks", status="201") >= 1
    assert total(system, "samlet_invocations_total", function="TasksFunction", result="ok") >= 1
    system.samlet("schedule", "run", system.schedule("digest"), "--at", ann.next_midnight())
    assert total(system, "taskflow_digests_requested_sum", service="nightly_digest", stage="local") >= 1
    assert total(system, "taskflow_digest_lag_seconds_last", service="nightly_digest") == 0
    eventually(lambda: total(system, "taskflow_mail_sent_sum", service="mail_sender") > mails_before, timeout=60)
    # The relay tells its figures every half a minute.
    eventually(lambda: total(system, "taskflow_published_sum", service="outbox_relay") >= 1, timeout=90)
    assert total(system, "samlet_embedded_metrics_dropped_total") == 0
