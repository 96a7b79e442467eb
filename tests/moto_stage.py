"""moto as the services' tests use it: where it is, what is wanted of it, and the AWS SDK that looks at it."""

from typing import Any

import boto3

from samlet.model import Push, WantedResource
from samlet.services import Moto

REGION, ACCOUNT = "eu-west-1", "000000000000"
NO_TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:none"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:F"
PUSH = (Push("sns", FUNCTION),)

TABLE = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
}


def resource(kind: str, name: str = "Thing", /, *attributes: str, **properties: Any) -> WantedResource:
    return WantedResource(name, f"AWS::{kind}", name, properties, frozenset(attributes))


def client(moto: Moto, service: str) -> Any:
    session = boto3.Session("local", "local", region_name=REGION)
    return session.client(service, endpoint_url=moto.url)
