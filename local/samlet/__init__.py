"""Samlet: runs any SAM or CloudFormation template's functions, HTTP API, schedules and Kafka sources on a laptop."""

__version__ = "0.1.0"
