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
from samlet.template.lines import Lines
from samlet.template.loader import load, notice
from samlet.template.made import Maker
from samlet.template.parameter_files import read_parameters
from samlet.template.push_mappings import counts_elsewhere
from samlet.template.samconfig import SAMCONFIG_NAMES, SamConfig, read_samconfig

__all__ = [
    "SAMCONFIG_NAMES",
    "AsyncInvocation",
    "Cors",
    "Destinations",
    "Function",
    "HttpApi",
    "KafkaMapping",
    "Lines",
    "Maker",
    "Route",
    "SamConfig",
    "Schedule",
    "Template",
    "Unsupported",
    "counts_elsewhere",
    "load",
    "notice",
    "read_parameters",
    "read_samconfig",
]
