"""Tells CloudFormation how a custom resource's function has ended: beside inline code alone, as on AWS.

It is put into the folder of such code as `cfnresponse.py`, so it imports nothing but the standard library, and is for
each Python that a function may run in. What `send` takes, tells and prints is what AWS documents of its module.
"""

import json
import urllib.request
from typing import Any

SUCCESS = "SUCCESS"
FAILED = "FAILED"


def send(
    event: "dict[str, Any]",
    context: Any,
    responseStatus: str,  # noqa: N803  # AWS's name, which callers may give it by
    responseData: Any,  # noqa: N803  # AWS's name
    physicalResourceId: "str | None" = None,  # noqa: N803  # AWS's name
    noEcho: bool = False,  # noqa: FBT001, FBT002, N803  # AWS's name, and its place among the others
    reason: "str | None" = None,
) -> None:
    """Put the answer to the URL that the event names; that it does not get there is printed and raises nothing."""
    stream = context.log_stream_name
    answer = {
        "Status": responseStatus,
        "Reason": reason or f"See the details in CloudWatch Log Stream: {stream}",
        "PhysicalResourceId": physicalResourceId or stream,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "NoEcho": noEcho,
        "Data": responseData,
    }
    body = json.dumps(answer)
    print("Response body:", body)  # noqa: T201  # into the function's log
    # Amazon S3, which takes it on AWS, has signed for no type of content.
    headers = {"content-type": ""}
    request = urllib.request.Request(event["ResponseURL"], body.encode(), headers, method="PUT")  # noqa: S310  # a URL of AWS's
    try:
        with urllib.request.urlopen(request) as response:  # noqa: S310  # AWS's, see above
            print("Status code:", response.status)  # noqa: T201  # into the function's log
    except Exception as error:  # noqa: BLE001  # as on AWS, where CloudFormation is left to wait
        print("send(..) failed:", error)  # noqa: T201  # into the function's log
