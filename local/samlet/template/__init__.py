"""Reads any SAM or CloudFormation template into a resolved model, with a list of what cannot be run."""

from samlet.model import (
    AsyncInvocation,
    Cors,
    Destinations,
    Function,
    HttpApi,
    KafkaMapping,
    Route,
    Schedule,
    Template,
    Unsupported,
)
from samlet.template.loader import load, notice

__all__ = [
    "AsyncInvocation",
    "Cors",
    "Destinations",
    "Function",
    "HttpApi",
    "KafkaMapping",
    "Route",
    "Schedule",
    "Template",
    "Unsupported",
    "load",
    "notice",
]
