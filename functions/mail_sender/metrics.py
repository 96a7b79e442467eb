"""Counts for the alarms, as lines of CloudWatch's embedded metric format on standard output."""

from aws_lambda_powertools.metrics import MetricUnit, single_metric

NAMESPACE = "Taskflow"


def count(name: str) -> None:
    """One more of these; template alarms name them."""
    with single_metric(name=name, unit=MetricUnit.Count, value=1, namespace=NAMESPACE) as metric:
        metric.add_dimension(name="function", value="mail_sender")
