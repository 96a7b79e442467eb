"""What becomes of a function that fails, and what it is told about where it runs; asked over the Invoke API."""

import json
import re
from typing import Any

from conformance.conftest import Invoke


def test_a_timeout_says_so(invoke: Invoke) -> None:
    answer = invoke("conformance-misbehave", {"how": "sleep"})
    assert answer["FunctionError"] == "Unhandled"
    assert re.fullmatch(r".*Task timed out after 2\.00 seconds", answer["payload"]["errorMessage"])


def test_an_exit_says_its_status(invoke: Invoke) -> None:
    answer = invoke("conformance-misbehave", {"how": "exit"})
    assert answer["FunctionError"] == "Unhandled"
    assert answer["payload"]["errorType"] == "Runtime.ExitError"
    assert answer["payload"]["errorMessage"].endswith("Error: Runtime exited with error: exit status 42")


def test_a_death_says_its_signal(invoke: Invoke) -> None:
    answer = invoke("conformance-misbehave", {"how": "kill"})
    assert answer["payload"]["errorType"] == "Runtime.ExitError"
    assert answer["payload"]["errorMessage"].endswith("Error: Runtime exited with error: signal: killed")


def test_after_a_crash_the_function_starts_anew(invoke: Invoke) -> None:
    invoke("conformance-misbehave", {"how": "exit"})
    answer = invoke("conformance-misbehave", {"how": "nothing"})
    assert "FunctionError" not in answer
    assert answer["payload"]["seen"] == 1


def test_a_warm_function_keeps_its_memory(invoke: Invoke) -> None:
    first = invoke("conformance-keeps", {"how": "nothing"})["payload"]
    second = invoke("conformance-keeps", {"how": "nothing"})["payload"]
    assert (second["pid"], second["seen"]) == (first["pid"], first["seen"] + 1)


def test_the_temporary_folder_outlives_an_invocation(invoke: Invoke) -> None:
    invoke("conformance-keeps", {"how": "write", "text": "kept"})
    assert invoke("conformance-keeps", {"how": "read"})["payload"] == "kept"


def test_an_error_at_import_is_told_with_its_type(invoke: Invoke) -> None:
    answer = invoke("conformance-broken-at-import")
    assert answer["FunctionError"] == "Unhandled"
    assert (answer["payload"]["errorType"], answer["payload"]["errorMessage"]) == ("RuntimeError", "broken on purpose")


def test_an_answer_that_is_no_json_is_an_error(invoke: Invoke) -> None:
    answer = invoke("conformance-misbehave", {"how": "unserializable"})
    assert answer["payload"]["errorType"] == "Runtime.MarshalError"


def test_an_answer_over_6_mb_is_an_error(invoke: Invoke) -> None:
    answer = invoke("conformance-misbehave", {"how": "large"})
    assert answer["payload"]["errorType"] == "Function.ResponseSizeTooLarge"


def test_the_context_tells_function_and_time_left(invoke: Invoke) -> None:
    answer = invoke("conformance-tells")
    context = answer["payload"]["context"]
    assert context["function_name"] == "conformance-tells"
    assert context["memory_limit_in_mb"] == "256"
    assert context["aws_request_id"] == answer["ResponseMetadata"]["RequestId"]
    assert context["log_group_name"] == "/aws/lambda/conformance-tells"
    assert 0 < context["remaining"] <= 10_000


def test_the_environment_is_that_of_lambda(invoke: Invoke) -> None:
    environment = told(invoke)
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "conformance-tells"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert environment["_HANDLER"] == "surroundings.handler"
    assert re.fullmatch(r"AWS_Lambda_python3\.\d+", environment["AWS_EXECUTION_ENV"])
    assert environment["TZ"] == ":UTC"
    assert {
        "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_LAMBDA_RUNTIME_API",
        "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "LD_LIBRARY_PATH", "LANG", "PATH",
    } <= set(environment)  # fmt: skip


def test_declared_variables_reach_the_function_and_no_others_do(invoke: Invoke) -> None:
    environment = told(invoke)
    assert environment["DECLARED"] == "declared"
    assert not {"USER", "SHELL", "VIRTUAL_ENV", "OLDPWD"} & set(environment), json.dumps(sorted(environment))


def test_the_working_folder_is_that_of_the_code(invoke: Invoke) -> None:
    answer = invoke("conformance-tells")["payload"]
    assert answer["folder"] == answer["environment"]["LAMBDA_TASK_ROOT"]


def told(invoke: Invoke) -> dict[str, Any]:
    environment: dict[str, Any] = invoke("conformance-tells")["payload"]["environment"]
    return environment
