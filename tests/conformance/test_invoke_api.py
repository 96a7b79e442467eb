"""Lambda's Invoke API, as boto3 speaks it."""

import base64
import json
import time
from typing import Any

import pytest

from conformance.conftest import Inbox, Invoke
from waiting import eventually


def test_an_event_reaches_its_function_and_the_answer_its_caller(invoke: Invoke) -> None:
    answer = invoke("conformance-echo", {"a": ["ä", None, 1.5]})
    assert (answer["StatusCode"], answer["payload"]) == (200, {"a": ["ä", None, 1.5]})
    assert "FunctionError" not in answer


def test_the_answer_tells_the_version_that_ran(invoke: Invoke) -> None:
    assert invoke("conformance-echo")["ExecutedVersion"] == "$LATEST"


def test_an_error_is_a_200_with_a_function_error(invoke: Invoke) -> None:
    answer = invoke("conformance-misbehave", {"how": "raise"})
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert answer["payload"]["errorType"] == "ValueError"
    assert answer["payload"]["errorMessage"] == "as was wished"
    assert isinstance(answer["payload"]["stackTrace"], list)


def test_the_log_tail_holds_what_was_printed_and_the_report(invoke: Invoke) -> None:
    answer = invoke("conformance-keeps", {"how": "nothing"}, LogType="Tail")
    log = base64.b64decode(answer["LogResult"]).decode()
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert f"START RequestId: {request_id} Version: $LATEST" in log
    assert "asked for nothing" in log
    assert f"END RequestId: {request_id}" in log
    assert f"REPORT RequestId: {request_id}" in log


@pytest.mark.parametrize("part", ["Duration:", "Billed Duration:", "Memory Size: 256 MB", "Max Memory Used:"])
def test_the_report_tells(invoke: Invoke, part: str) -> None:
    log = base64.b64decode(invoke("conformance-keeps", {"how": "nothing"}, LogType="Tail")["LogResult"]).decode()
    assert part in next(line for line in log.splitlines() if line.startswith("REPORT"))


def test_an_asynchronous_event_is_a_202_without_an_answer(invoke: Invoke) -> None:
    answer = invoke("conformance-echo", {}, InvocationType="Event")
    assert (answer["StatusCode"], answer["payload"]) == (202, None)


def test_a_dry_run_is_a_204(invoke: Invoke) -> None:
    answer = invoke("conformance-echo", {}, InvocationType="DryRun")
    assert (answer["StatusCode"], answer["payload"]) == (204, None)


def test_an_unknown_function_is_a_404(invoke: Invoke, lambda_client: Any) -> None:
    with pytest.raises(lambda_client.exceptions.ResourceNotFoundException) as caught:
        invoke("conformance-nobody")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_a_payload_that_is_no_json_is_refused(lambda_client: Any) -> None:
    with pytest.raises(lambda_client.exceptions.InvalidRequestContentException) as caught:
        lambda_client.invoke(FunctionName="conformance-echo", Payload=b"{no json")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_payload_over_6_mb_is_refused(lambda_client: Any) -> None:
    with pytest.raises(lambda_client.exceptions.RequestTooLargeException) as caught:
        lambda_client.invoke(FunctionName="conformance-echo", Payload=json.dumps("x" * (6 * 1024 * 1024)).encode())
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_a_function_without_concurrency_is_throttled(invoke: Invoke, lambda_client: Any) -> None:
    with pytest.raises(lambda_client.exceptions.TooManyRequestsException) as caught:
        invoke("conformance-closed")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert caught.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


def test_beyond_the_reserved_concurrency_events_are_throttled_at_once(invoke: Invoke, lambda_client: Any) -> None:
    invoke("conformance-single", {"how": "sleep", "seconds": 5}, InvocationType="Event")

    def throttled() -> bool:
        try:
            invoke("conformance-single", {"how": "nothing"})
        except lambda_client.exceptions.TooManyRequestsException:
            return True
        return False

    assert eventually(throttled, timeout=5)


def test_an_alias_is_invoked_by_its_qualifier(invoke: Invoke) -> None:
    answer = invoke("conformance-tells", Qualifier="live")
    assert answer["payload"]["context"]["invoked_function_arn"].endswith(":function:conformance-tells:live")
    assert answer["ExecutedVersion"] == "1"


def test_an_unknown_alias_is_a_404(invoke: Invoke, lambda_client: Any) -> None:
    with pytest.raises(lambda_client.exceptions.ResourceNotFoundException):
        invoke("conformance-tells", Qualifier="dead")


def test_the_client_context_reaches_the_function(invoke: Invoke) -> None:
    context = base64.b64encode(json.dumps({"custom": {"a": "b"}}).encode()).decode()
    assert invoke("conformance-tells", ClientContext=context)["payload"]["context"]["custom"] == {"a": "b"}


def test_functions_are_listed(lambda_client: Any) -> None:
    pages = lambda_client.get_paginator("list_functions").paginate()
    names = {function["FunctionName"] for page in pages for function in page["Functions"]}
    assert {"conformance-echo", "conformance-tells"} <= names


def test_a_function_tells_its_configuration(lambda_client: Any) -> None:
    told = lambda_client.get_function_configuration(FunctionName="conformance-misbehave")
    assert (told["Handler"], told["Timeout"], told["MemorySize"]) == ("misbehaviour.handler", 2, 256)


def test_an_asynchronous_event_that_fails_is_not_told_to_its_caller(invoke: Invoke) -> None:
    began = time.monotonic()
    assert invoke("conformance-misbehave", {"how": "raise"}, InvocationType="Event")["StatusCode"] == 202
    assert time.monotonic() - began < 10


def test_an_event_that_fails_without_a_retry_left_goes_to_the_on_failure_destination(
    invoke: Invoke, inbox: Inbox
) -> None:
    invoke("conformance-once", {"how": "raise", "number": 1}, InvocationType="Event")
    record = outcome(inbox, 1)
    assert (record["requestContext"]["condition"], record["requestContext"]["approximateInvokeCount"]) == (
        "RetriesExhausted",
        1,
    )
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorType"] == "ValueError"


def test_an_event_that_succeeds_goes_to_the_on_success_destination(invoke: Invoke, inbox: Inbox) -> None:
    invoke("conformance-once", {"how": "nothing", "number": 2}, InvocationType="Event")
    record = outcome(inbox, 2)
    assert record["requestContext"]["condition"] == "Success"
    assert "seen" in record["responsePayload"]


def outcome(inbox: Inbox, number: int) -> dict[str, Any]:
    """The record of the event with that number, once a destination has been told of it."""

    def ask() -> list[dict[str, Any]]:
        return [record for record in inbox("conformance-by-outcome") if record["requestPayload"]["number"] == number]

    return eventually(ask, timeout=60, every=0.3)[0]
