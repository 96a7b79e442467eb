"""Figures for dashboards and alarms: lines of CloudWatch's embedded metric format on standard output.

All names are here. On AWS the lines become CloudWatch metrics, elsewhere Samlet turns them into Prometheus's.
"""

from collections.abc import Mapping
from enum import Enum

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

from taskflow.settings import Environment

NAMESPACE = "Taskflow"


class Metric(Enum):
    """A metric's name and unit; its dimensions are `stage` and `service`, the function that tells it."""

    OLDEST_EVENT_AGE = ("OldestEventAge", MetricUnit.Seconds)
    BACKLOG = ("Backlog", MetricUnit.Count)
    DEAD = ("Dead", MetricUnit.Count)
    PUBLISHED = ("Published", MetricUnit.Count)
    DIGEST_LAG = ("DigestLag", MetricUnit.Seconds)
    DIGESTS_REQUESTED = ("DigestsRequested", MetricUnit.Count)
    MAIL_SENT = ("MailSent", MetricUnit.Count)
    MAIL_FAILED = ("MailFailed", MetricUnit.Count)
    MAIL_SUPPRESSED = ("MailSuppressed", MetricUnit.Count)
    MAIL_UNKNOWN = ("MailUnknown", MetricUnit.Count)
    MAIL_PUT_OFF = ("MailPutOff", MetricUnit.Count)
    MAIL_FENCED = ("MailFenced", MetricUnit.Count)
    MAIL_DEAD_LETTER = ("MailDeadLetter", MetricUnit.Count)
    MAIL_SERVER_UNUSABLE = ("MailServerUnusable", MetricUnit.Count)


def emit(service: str, figures: Mapping[Metric, float]) -> None:
    """Print one line with the figures of a service."""
    provider = AmazonCloudWatchEMFProvider(namespace=NAMESPACE, service=service)
    provider.add_dimension(name="stage", value=Environment().text("STAGE", "local"))
    for metric, figure in figures.items():
        name, unit = metric.value
        provider.add_metric(name=name, unit=unit, value=figure)
    provider.flush_metrics()
