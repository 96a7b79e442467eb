"""IAM's authorization of a route or a function URL: who has a secret that is known here may do everything."""

from typing import Any

from samlet.sources.authorization import Allowed, Refused
from samlet.sources.event_v2 import Gateway, HttpRequest
from samlet.sources.signature import BadSignature, Secrets, signed_by


def decide(request: HttpRequest, gateway: Gateway, service: str, secrets: Secrets, now: float) -> Allowed | Refused:
    """Return what becomes of a request; `service` is what it has to be signed for, `now` epoch seconds."""
    try:
        access_key = signed_by(request, service, gateway.region, secrets, now)
    except BadSignature as error:
        return Refused(403, str(error))
    return Allowed({"iam": _caller(access_key, gateway.account)})


def _caller(access_key: str, account: str) -> dict[str, Any]:
    """What events say of who has signed: a user that is named by the access key."""
    return {
        "accessKey": access_key,
        "accountId": account,
        "callerId": access_key,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": f"arn:aws:iam::{account}:user/{access_key}",
        "userId": access_key,
    }
