"""Traces of the running system: real sandboxes, the real relay, Samlet's Kafka source, a collector that is told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.system import CHECKOUT, System
from e2e.user import User
from otlp_collector import Collector, Seen
from waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture
def traced(tmp_path: Path, collector: Collector) -> Iterator[System]:
    """The repository's project, with one more parameter."""
    project = (CHECKOUT / "samlet.toml").read_text()
    for name in ("template.yaml", "frontend"):
        project = project.replace(f'= "{name}"', f'= "{CHECKOUT / name}"')
    project = project.replace("[parameters]\n", f'[parameters]\nTracesEndpoint = "{collector.url}"\n')
    (tmp_path / "samlet.toml").write_text(project)
    system = System(tmp_path / "state", project=tmp_path).start()
    yield system
    system.stop()
    system.samlet("reset", check=False)


def steps(collector: Collector, *wanted: str) -> list[Seen]:
    """A trace's spans, once there is one with these steps."""

    def complete() -> list[Seen]:
        traces: dict[str, list[Seen]] = {}
        for span in collector.spans():
            traces.setdefault(span.trace_id, []).append(span)
        return next((spans for spans in traces.values() if {span.name for span in spans} >= set(wanted)), [])

    return eventually(complete, timeout=60)


def test_one_trace_goes_through_the_processes_of_the_running_system(traced: System, collector: Collector) -> None:
    user = User(traced)
    user.add("Buy bread")
    request = steps(collector, "POST /tasks", "create events", "send events")
    assert {span.service for span in request} == {"tasks", "outbox_relay"}

    traced.samlet("schedule", "run", traced.schedule("digest"), "--at", user.next_midnight())
    eventually(lambda: traced.mails(user.email), timeout=60, every=0.2)
    digest = steps(collector, "create events", "send events", "process events", "send mail")
    assert {span.service for span in digest} == {"nightly_digest", "outbox_relay", "mail_sender"}
    assert not any(span.failed for span in request + digest)

    # Each log line of a function has the id of its trace, and Lambda's own id beside it as ever.
    [sent] = eventually(lambda: [it for it in traced.log.read_text().splitlines() if '"message":"mail sent"' in it])
    assert f'"correlation_id":"{digest[0].trace_id}"' in sent
    assert '"xray_trace_id":"1-' in sent

    # The relay's line joins what was said before Kafka and after it.
    for trace_id in (request[0].trace_id, digest[0].trace_id):
        said = [it for it in traced.log.read_text().splitlines() if trace_id in it]
        assert any('"message":"events published"' in it for it in said)
