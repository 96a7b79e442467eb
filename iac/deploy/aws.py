"""The AWS services that a deploy speaks to."""

import os
from dataclasses import dataclass
from typing import Any, Self

import boto3
from botocore.config import Config

from deploy.faults import Stopped

_MIGRATION_SECONDS = 300  # MigrateFunction's Timeout


@dataclass(frozen=True)
class Aws:
    """One account and region."""

    account: str
    region: str
    cloudformation: Any
    cloudfront: Any
    functions: Any
    kafka: Any
    s3: Any
    secrets: Any

    @classmethod
    def connect(cls) -> Self:
        """By the credentials and the region of the environment, as AWS's own tools find them."""
        session = boto3.Session(region_name=os.environ.get("AWS_REGION"))
        if session.region_name is None:
            raise Stopped("No region is set. Set AWS_REGION, such as eu-central-1.")
        client: Any = session.client  # the installed stubs know Lambda alone
        # A migration is asked for once: a second one, for want of an answer, would only wait for the first.
        patient = Config(read_timeout=_MIGRATION_SECONDS + 10, retries={"total_max_attempts": 1})
        return cls(
            account=client("sts").get_caller_identity()["Account"],
            region=session.region_name,
            cloudformation=client("cloudformation"),
            cloudfront=client("cloudfront"),
            functions=client("lambda", config=patient),
            kafka=client("kafka"),
            s3=client("s3"),
            secrets=client("secretsmanager"),
        )
