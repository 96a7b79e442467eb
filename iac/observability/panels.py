"""The panels of both dashboards, in their order: what each shows, where Prometheus has it and where CloudWatch does.

Counts are those of the last five minutes, so that both show the same figure.
"""

import re
from dataclasses import dataclass
from typing import Literal

Unit = Literal["count", "ms", "s", "bytes", "percent"]

# The functions of template.yaml; <logical id>Name is a parameter of observability.yaml.
FUNCTIONS = (
    "AuthFunction",
    "TasksFunction",
    "MetaFunction",
    "OutboxRelayFunction",
    "NightlyDigestFunction",
    "MailSenderFunction",
    "HousekeepingFunction",
    "MigrateFunction",
)


@dataclass(frozen=True)
class Metric:
    """A metric of CloudWatch, and the name of its line."""

    label: str
    namespace: str
    name: str
    statistic: str
    dimensions: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Series:
    """One line of a panel, or one for each function: a query for Prometheus and what it is in CloudWatch."""

    legend: str
    query: str
    metrics: tuple[Metric, ...]


@dataclass(frozen=True)
class Panel:
    """A diagram; `about` says what to see in it."""

    title: str
    unit: Unit
    about: str
    series: tuple[Series, ...]


def counted(counter: str, by: str = "") -> str:
    """How much a counter grew in five minutes.

    `increase` alone misses what a counter is born with, and a counter of something rare is born with the first one.
    Until then it is not there, which is shown as 0 as long as Samlet answers.
    """
    grown = f"({counter} unless {counter} offset 5m) or increase({counter}[5m])"
    return f"sum by ({by}) ({grown})" if by else f"sum({grown}) or 0 * max(up == 1)"


def _quantile(quantile: float, histogram: str, by: str = "") -> str:
    """In milliseconds, as CloudWatch has them."""
    buckets = counted(f"{histogram}_bucket", "le" + (f", {by}" if by else ""))
    return f"1000 * histogram_quantile({quantile}, {buckets})"


def _of_functions(query: str, name: str, statistic: str) -> tuple[Series, ...]:
    metrics = tuple(
        Metric(function, "AWS/Lambda", name, statistic, (("FunctionName", f"${{{function}Name}}"),))
        for function in FUNCTIONS
    )
    return (Series("{{function}}", query, metrics),)


def _of_api(legend: str, query: str, name: str, statistic: str) -> Series:
    return Series(legend, query, (Metric(legend, "AWS/ApiGateway", name, statistic, (("ApiId", "${ApiId}"),)),))


def _newest(service: str, legend: str, name: str, unit: str = "") -> Series:
    query = f"max({_in_prometheus(name, unit)}_last)"
    return Series(legend, query, (_of_service(service, legend, name, "Maximum"),))


def _sum(service: str, legend: str, name: str) -> Series:
    return Series(legend, counted(f"{_in_prometheus(name)}_sum"), (_of_service(service, legend, name, "Sum"),))


def _of_service(service: str, label: str, name: str, statistic: str) -> Metric:
    return Metric(label, "Taskflow", name, statistic, (("stage", "${Stage}"), ("service", service)))


def _in_prometheus(name: str, unit: str = "") -> str:
    """As Samlet writes the name of an embedded metric."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    return f"taskflow_{words}_{unit}" if unit else f"taskflow_{words}"


def _of_database(label: str, name: str, statistic: str) -> Metric:
    return Metric(label, "AWS/RDS", name, statistic, (("DBInstanceIdentifier", "${DatabaseInstanceId}"),))


_LAG = (("Cluster Name", "${KafkaClusterName}"), ("Consumer Group", "mail-sender"), ("Topic", "events"))
_REQUESTS = "samlet_http_requests_total"
_RELAY, _DIGEST, _MAILS = "outbox_relay", "nightly_digest", "mail_sender"

PANELS = (
    Panel(
        "Requests",
        "count",
        "4xx are the callers' mistakes; 5xx are ours, or a database that is away (503).",
        (
            _of_api("all", counted(_REQUESTS), "Count", "Sum"),
            _of_api("4xx", counted(f'{_REQUESTS}{{status=~"4.."}}'), "4xx", "Sum"),
            _of_api("5xx", counted(f'{_REQUESTS}{{status=~"5.."}}'), "5xx", "Sum"),
        ),
    ),
    Panel(
        "Time to an answer",
        "ms",
        "Logins and registrations take about 300 ms, which is what a password's hash is meant to cost.",
        (
            _of_api("p50", _quantile(0.5, "samlet_http_request_duration_seconds"), "Latency", "p50"),
            _of_api("p99", _quantile(0.99, "samlet_http_request_duration_seconds"), "Latency", "p99"),
        ),
    ),
    Panel(
        "Errors of functions",
        "count",
        "Exceptions, time-outs and crashes. An answer such as 404 is none.",
        _of_functions(counted('samlet_invocations_total{result="error"}', "function"), "Errors", "Sum"),
    ),
    Panel(
        "Invocations",
        "count",
        "The relay is woken every minute and runs for nearly two.",
        _of_functions(counted("samlet_invocations_total", "function"), "Invocations", "Sum"),
    ),
    Panel(
        "Duration, p99",
        "ms",
        "The relay stays for nearly two minutes on purpose.",
        _of_functions(_quantile(0.99, "samlet_invocation_duration_seconds", "function"), "Duration", "p99"),
    ),
    Panel(
        "Throttles",
        "count",
        "The relay's are expected: two may run, and a third is woken.",
        _of_functions(counted("samlet_throttles_total", "function"), "Throttles", "Sum"),
    ),
    Panel(
        "Oldest event that is not published",
        "s",
        "Below a second or two. Where the line ends, no relay runs.",
        (_newest(_RELAY, "age", "OldestEventAge", "seconds"),),
    ),
    Panel(
        "Events in the outbox",
        "count",
        "Waiting ones go out by themselves; dead ones wait for somebody.",
        (_newest(_RELAY, "waiting", "Backlog"), _newest(_RELAY, "dead", "Dead")),
    ),
    Panel(
        "Published events",
        "count",
        "As many as changes were made, and the digests of the night.",
        (_sum(_RELAY, "published", "Published"),),
    ),
    Panel(
        "Records that the mail sender has not finished",
        "count",
        "All events count, though only those that ask for a mail wake it.",
        (
            Series(
                "lag",
                'sum(samlet_kafka_lag{topic="events", group="mail-sender"})',
                (Metric("lag", "AWS/Kafka", "SumOffsetLag", "Maximum", _LAG),),
            ),
        ),
    ),
    Panel(
        "Most overdue digest",
        "s",
        "After each run, so 0 where it finished. Where the line ends, nothing runs.",
        (_newest(_DIGEST, "overdue", "DigestLag", "seconds"),),
    ),
    Panel(
        "Digests requested",
        "count",
        "A wave at each zone's midnight.",
        (_sum(_DIGEST, "requested", "DigestsRequested"),),
    ),
    Panel(
        "Mails",
        "count",
        "Those put off are tried again; suppressed and failed ones are not.",
        (
            _sum(_MAILS, "sent", "MailSent"),
            _sum(_MAILS, "put off", "MailPutOff"),
            _sum(_MAILS, "suppressed", "MailSuppressed"),
            _sum(_MAILS, "failed", "MailFailed"),
        ),
    ),
    Panel(
        "Mails that need a look",
        "count",
        "Unknown ones may be out or not. Fenced: another sender had taken the mail over.",
        (
            _sum(_MAILS, "unknown", "MailUnknown"),
            _sum(_MAILS, "dead letters", "MailDeadLetter"),
            _sum(_MAILS, "fenced", "MailFenced"),
            _sum(_MAILS, "server unusable", "MailServerUnusable"),
        ),
    ),
)

# What only AWS tells: on a laptop the database is a process like any other.
ON_AWS_ALONE: tuple[tuple[str, Unit, Metric], ...] = (
    ("Database: connections", "count", _of_database("connections", "DatabaseConnections", "Maximum")),
    ("Database: free storage", "bytes", _of_database("free", "FreeStorageSpace", "Minimum")),
    ("Database: processor", "percent", _of_database("used", "CPUUtilization", "Average")),
)
