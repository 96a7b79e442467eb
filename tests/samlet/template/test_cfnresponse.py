"""The module that tells CloudFormation how a custom resource has ended: where it is, and what it sends."""

import importlib.util
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from .conftest import Loader

INLINE = """
    Resources:
      F:
        Type: AWS::Lambda::Function
        Properties: {Runtime: python3.13, Handler: index.handler, Code: {ZipFile: "%s"}}
"""
CONTEXT = SimpleNamespace(log_stream_name="2026/11/22/[$LATEST]abc")


@dataclass
class Bucket:
    """Takes answers as the bucket of CloudFormation does, with `status`."""

    url: str
    status: int = 200
    taken: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)

    def event(self) -> dict[str, Any]:
        told = {name: f"the {name}" for name in ("StackId", "RequestId", "LogicalResourceId")}
        return {**told, "RequestType": "Create", "ResponseURL": f"{self.url}/answer?Signature=a%2Fb"}


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:  # the name that http.server looks for
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            made.taken.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(made.status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
            """Nobody wants to know."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        made = Bucket(f"http://127.0.0.1:{server.server_port}")
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield made
        server.shutdown()
        serving.join()


def code_of(loaded: Loader, text: str) -> Path:
    return loaded(INLINE % text).functions["F"].code


@pytest.fixture
def module(loaded: Loader) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "cfnresponse", code_of(loaded, "import cfnresponse") / "cfnresponse.py"
    )
    assert spec
    assert spec.loader
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("import cfnresponse", True),
        ("import json\\nimport cfnresponse as c", True),
        ("import os, cfnresponse", False),
    ],
)
def test_the_module_is_beside_inline_code_that_imports_it_in_awss_words(loaded: Loader, text: str, there: bool) -> None:
    assert (code_of(loaded, text) / "cfnresponse.py").is_file() is there


def test_a_folder_of_code_does_not_get_the_module(loaded: Loader, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "index.py").write_text("import cfnresponse\n")
    code = loaded(INLINE.replace('{ZipFile: "%s"}', "app/")).functions["F"].code
    assert [path.name for path in code.iterdir()] == ["index.py"]


def test_an_answer_is_put_to_the_events_url_without_a_type(
    bucket: Bucket, module: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    module.send(bucket.event(), CONTEXT, module.SUCCESS, {"Name": "é"})
    [(path, headers, body)] = bucket.taken
    assert (path, headers["content-type"]) == ("/answer?Signature=a%2Fb", "")
    assert body == {
        "Status": "SUCCESS",
        "Reason": "See the details in CloudWatch Log Stream: 2026/11/22/[$LATEST]abc",
        "PhysicalResourceId": "2026/11/22/[$LATEST]abc",
        "StackId": "the StackId",
        "RequestId": "the RequestId",
        "LogicalResourceId": "the LogicalResourceId",
        "NoEcho": False,
        "Data": {"Name": "é"},
    }
    assert "Status code: 200" in capsys.readouterr().out


def test_id_echo_and_reason_are_the_functions_own_where_it_says_so(bucket: Bucket, module: ModuleType) -> None:
    module.send(bucket.event(), CONTEXT, module.FAILED, {}, "my-id", True, reason="no room")  # AWS's
    body = bucket.taken[0][2]
    said = {name: body[name] for name in ("Status", "PhysicalResourceId", "NoEcho", "Reason")}
    assert said == {"Status": "FAILED", "PhysicalResourceId": "my-id", "NoEcho": True, "Reason": "no room"}


def test_an_answer_that_does_not_get_there_is_printed_and_no_error(
    bucket: Bucket, module: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket.status = 403
    module.send(bucket.event(), CONTEXT, module.SUCCESS, {})
    printed = capsys.readouterr().out
    assert "send(..) failed: HTTP Error 403" in printed
    assert "Signature" not in printed
