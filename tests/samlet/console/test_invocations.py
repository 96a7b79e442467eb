"""The record over HTTP: lists, one invocation, what is hidden of it, replay, copy, and what is refused."""

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from console_stand import TEMPLATE, Client, Stand, handled
from samlet.console.masking import HIDDEN, mask_text
from samlet.console.record import LARGEST_PAYLOAD, Record
from samlet.model import HttpApi, Push, PushMapping, QueueMapping, Route
from samlet.runtime import Outcome
from samlet.template import Unsupported


def http_event(body: str | None = None, **headers: str) -> dict[str, Any]:
    context = {"http": {"method": "POST", "path": "/a b"}, "timeEpoch": 1}
    event = {"rawPath": "/a b", "rawQueryString": "x=1&y=%20", "headers": headers, "requestContext": context}
    return event | ({"body": body, "isBase64Encoded": False} if body else {})


def told(value: Any) -> bytes:
    return json.dumps(value).encode()


async def rows(client: Client, **query: str) -> list[str]:
    body = await (await client.get("/api/invocations", params=query)).json()
    return [row["request_id"] for row in body["invocations"]]


async def test_invocations_are_listed_newest_first_and_filtered(client: Client, stand: Stand) -> None:
    trace = {"x-correlation-id": "trace-1"}
    handled(stand.record, request_id="r1", event=told(http_event(**trace)), lines=["a needle <b>"])
    handled(stand.record, "Other", "r2", b'{"needle": 1}', error="Unhandled")
    stand.record.refused("Tick", "r3", b"{}", "busy")
    stand.record.began("Tick", "r4", b"{}", None)
    assert await rows(client) == ["r4", "r3", "r2", "r1"]
    assert await rows(client, function="Other") == ["r2"]
    assert await rows(client, state="error") == ["r2"]
    assert await rows(client, state="throttled") == ["r3"]
    assert await rows(client, state="running") == ["r4"]
    assert await rows(client, text="needle") == ["r2", "r1"]
    assert await rows(client, text="r3") == ["r3"]
    assert await rows(client, trace="trace-1") == ["r1"]
    assert await rows(client, limit="2") == ["r4", "r3"]
    assert (await client.get("/api/invocations?limit=0")).status == 400


async def test_an_answer_of_500_is_an_error(client: Client, stand: Stand) -> None:
    handled(stand.record, event=told(http_event()), answer=b'{"statusCode": 503}')
    handled(stand.record, request_id="r2", event=told(http_event()), answer=b'{"statusCode": 404}')
    body = await (await client.get("/api/invocations")).json()
    assert [(row["state"], row["status"]) for row in body["invocations"]] == [("ok", 404), ("error", 503)]


@pytest.mark.parametrize(
    ("answer", "size", "status"),
    [
        (b'{"statusCode": 503, "cookies": []}' + bytes(8) + b"body", 46, 503),
        (b'{"statusCode": 201}' + bytes(8) + b"the beginning of much", 90_000_000, 201),
        (b"{}" + bytes(8) + b'{"statusCode": 404}', 29, 200),
        (b'{"statusCode": 404}', 19, 200),
        (b"no prelude", 10, 200),
        (b"no prelude" + bytes(9), 19, 200),
    ],
)
async def test_the_status_of_a_streamed_answer_is_that_of_its_prelude_or_200(
    client: Client, stand: Stand, answer: bytes, size: int, status: int
) -> None:
    stand.record.began("Tick", "r1", told(http_event()), None)
    stand.record.ended("Tick", Outcome("r1", answer, streamed=size))
    (row,) = (await (await client.get("/api/invocations")).json())["invocations"]
    assert (row["status"], row["state"]) == (status, "error" if status == 503 else "ok")
    assert (await (await client.get("/api/invocations/r1")).json())["status"] == status


async def test_a_streamed_answer_that_failed_or_is_not_over_has_no_status(client: Client, stand: Stand) -> None:
    stand.record.began("Tick", "r1", told(http_event()), None)
    assert (await (await client.get("/api/invocations/r1")).json())["status"] is None
    stand.record.ended("Tick", Outcome("r1", b'{"errorType": "Late"}', "Unhandled", streamed=70))
    assert (await (await client.get("/api/invocations/r1")).json())["status"] is None


async def test_one_invocation_is_told_with_all_that_is_kept(client: Client, stand: Stand) -> None:
    stand.record.began("Tick", "r1", b'{"a": "<script>"}', None)
    stand.record.printed("Tick", "r1", "hello")
    body = await (await client.get("/api/invocations/r1")).json()
    assert (body["state"], body["event"], body["hides"]) == ("running", '{"a": "<script>"}', False)
    assert (body["lines"][0][1], body["memory_size"], body["timeout"]) == ("hello", 128, 3)
    assert (await client.get("/api/invocations/none")).status == 404


async def test_tokens_cookies_and_passwords_are_hidden_until_asked_for(client: Client, stand: Stand) -> None:
    event = http_event(told({"password": "hunter22"}).decode(), authorization="Bearer abcdefghij", cookie="session=1")
    answer = {"statusCode": 200, "headers": {"set-cookie": "a=b"}, "body": '{"access_token": "t0ken"}'}
    handled(stand.record, event=told(event), answer=told(answer), lines=['{"token": "t1ken"}', "Bearer abcdefghijkl"])
    raw = await (await client.get("/api/invocations/r1")).text()
    for secret in ("hunter22", "abcdefghij", "session=1", "a=b", "t0ken", "t1ken"):
        assert secret not in raw
    assert json.loads(raw)["hides"]
    body = await (await client.get("/api/invocations/r1?reveal=1")).json()
    assert json.loads(body["event"]) == event
    assert json.loads(body["answer"]) == answer


def test_what_is_hidden_of_texts_that_are_no_whole_json() -> None:
    cut = '{"headers": {"authorization": "Bearer abcdefghij", "host": "x"}, "password": "hunt'
    masked = mask_text(cut)
    assert "abcdefghij" not in masked
    assert "hunt" not in masked
    assert '"host": "x"' in masked
    assert mask_text("plain text") == "plain text"
    assert HIDDEN in mask_text("got eyJhbGciOi.eyJzdWIi.c2ln back")
    assert json.loads(mask_text('{"token_count": 5, "tokens": [], "secret": null}')) == {
        "token_count": 5, "tokens": [], "secret": None,
    }  # fmt: skip


async def test_a_replay_is_the_same_event_as_a_new_invocation_that_says_so(client: Client, stand: Stand) -> None:
    event = told(http_event(authorization="Bearer abcdefghij"))
    stand.record.began("Tick", "r1", event, "live")
    answer = await client.post("/api/invocations/r1/replay")
    assert await answer.json() == {"request_id": "again-1", "ok": True, "replay_of": "r1"}
    assert stand.invoked == [("Tick:live", event)]
    body = await (await client.get("/api/invocations/again-1")).json()
    assert (body["replay_of"], body["source"]["kind"]) == ("r1", "http")


async def test_what_cannot_be_replayed_is_said_why(client: Client, stand: Stand) -> None:
    handled(stand.record, request_id="large", event=b"x" * (LARGEST_PAYLOAD + 1))
    handled(stand.record, "Gone", "gone")
    for key, words in (("large", "65537 bytes, 64 kB of it are kept"), ("gone", "Gone")):
        answer = await client.post(f"/api/invocations/{key}/replay")
        assert (answer.status, words in (await answer.json())["error"]) == (409, True)
    assert (await client.get("/api/invocations/large/command")).status == 409
    assert (await client.post("/api/invocations/none/replay")).status == 404
    assert stand.invoked == []


@pytest.mark.parametrize(
    "path",
    ["/api/invocations/r1/replay", "/api/topics/orders/messages", "/api/topics/orders.dead/redrive",
     "/api/schedules/nightly/pause"],
)  # fmt: skip
@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
async def test_another_site_can_do_nothing(client: Client, stand: Stand, path: str, headers: dict[str, str]) -> None:
    handled(stand.record)
    assert (await client.post(path, json={}, headers=headers)).status == 403
    assert (await client.get("/api/invocations", headers={"Host": "evil.example"})).status == 403
    assert stand.invoked == []


async def test_a_body_has_to_be_a_json_object_and_say_so(client: Client, stand: Stand) -> None:
    stand.kafka_servers = "127.0.0.1:1"
    path = "/api/topics/orders/messages"
    assert (await client.post(path, data="{}", headers={"Content-Type": "text/plain"})).status == 415
    for body in ("[]", "{", '{"key": 1}', '{"headers": {"a": 1}}', '{"headers": []}'):
        answer = await client.post(path, data=body, headers={"Content-Type": "application/json"})
        assert answer.status == 400, body


async def test_an_invocation_is_copied_as_what_it_was(client: Client, stand: Stand) -> None:
    handled(stand.record, event=told(http_event()))
    stand.record.began("Tick", "r2", b"{}", "live")
    request, other = [await (await client.get(f"/api/invocations/{key}/command")).json() for key in ("r1", "r2")]
    assert (request["runs"], shlex.split(request["command"])[0]) == ("curl", "curl")
    assert other["runs"] == "samlet invoke"
    assert "samlet invoke Tick:live --event - --template" in other["command"]
    assert other["command"].partition(" | ")[2].startswith("SAMLET_STATE_DIR=/shop/.samlet ")
    told_of = [(await (await client.get(f"/api/invocations/{key}")).json())["copied_as"] for key in ("r1", "r2")]
    assert told_of == ["curl", "samlet invoke"]


async def test_of_variables_only_the_names_are_told(client: Client, stand: Stand) -> None:
    handled(stand.record, error="Unhandled", answer=b"no")
    raw = await (await client.get("/api/overview")).text()
    assert "s3cr3t" not in raw
    (function,) = json.loads(raw)
    assert (function["variables"], function["woken_by"]) == (["KEY"], ["GET /tick", "topic orders"])
    assert (function["errors"], function["last_error"]["error"], function["sandboxes"]) == (1, "no", [{"pid": 8}])


@pytest.mark.parametrize(
    ("apis", "mapped", "background"), [(True, True, False), (False, True, True), (False, False, False)]
)
async def test_a_function_works_in_the_background_if_only_sources_that_do_not_wait_wake_it(
    client: Client, stand: Stand, *, apis: bool, mapped: bool, background: bool
) -> None:
    stand.template = replace(
        TEMPLATE, apis=TEMPLATE.apis if apis else (), kafka_mappings=TEMPLATE.kafka_mappings if mapped else ()
    )
    (function,) = await (await client.get("/api/overview")).json()
    assert function["background"] is background


async def test_a_function_tells_since_when_it_has_been_running(client: Client, stand: Stand) -> None:
    stand.record = Record(clock=iter((10.0, 11.0, 12.0, 13.0)).__next__)
    for request_id in ("r1", "r2"):
        stand.record.began("Tick", request_id, b"{}", None)
    (function,) = await (await client.get("/api/overview")).json()
    assert function["running_since"] == 10.0
    stand.record.ended("Tick", Outcome("r1", b"null"))
    stand.record.ended("Tick", Outcome("r2", b"null"))
    (function,) = await (await client.get("/api/overview")).json()
    assert function["running_since"] is None


PUSHERS: tuple[tuple[Literal["sns", "s3"], str], ...] = (("sns", "news"), ("s3", "uploads"))


async def test_a_function_tells_the_queue_the_url_the_bucket_and_the_topic_that_wake_it(
    client: Client, stand: Stand
) -> None:
    queues = (QueueMapping("Jobs", "Tick", "arn:aws:sqs:eu-central-1:000000000000:jobs"),)
    urls = (HttpApi("Url", (Route("ANY", "/{proxy+}", "Tick"),)),)
    pushes = tuple(PushMapping(kind, "Tick", "Tick", Push(kind, "arn", source)) for kind, source in PUSHERS)
    stand.template = replace(TEMPLATE, queue_mappings=queues, function_urls=urls, push_mappings=pushes)
    (function,) = await (await client.get("/api/overview")).json()
    woken_by = ["GET /tick", "function URL", "topic orders", "queue jobs", "bucket uploads", "SNS topic news"]
    assert function["woken_by"] == woken_by


async def test_a_resource_that_the_expansion_made_has_the_line_of_what_it_was_made_for(
    client: Client, stand: Stand, tmp_path: Path
) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(
        "Mappings:\n  F: {}\nResources:\n  F:\n    Properties:\n      Events:\n        Get: {Type: HttpApi}\n"
    )
    made = (("F", "AWS::Lambda::Function", "run"), ("ServerlessHttpApi", "AWS::ApiGatewayV2::Api", "run"))
    stand.template = replace(TEMPLATE, path=path, resources=made, unsupported=())
    body = await (await client.get("/api/resources")).json()
    assert [(row["id"], row["line"]) for row in body["resources"]] == [("F", 4), ("ServerlessHttpApi", 7)]
    path.write_text("Resources:\n  F: {}\n")
    body = await (await client.get("/api/resources")).json()
    assert {row["id"]: row["line"] for row in body["resources"]}["F"] == 2


async def test_every_resource_is_told_with_its_standing(client: Client) -> None:
    body = await (await client.get("/api/resources")).json()
    assert len(body["resources"]) == 3
    found = {row["id"]: (row["standing"], row["reason"]) for row in body["resources"]}
    assert found == {
        "Tick": ("run", ""),
        "Role": ("no effect", ""),
        "Machine": ("not run", "state machines are not run"),
    }


async def test_a_resource_that_is_there_but_for_a_part_keeps_its_standing_and_says_every_part(
    client: Client, stand: Stand
) -> None:
    parts = (
        Unsupported("Tick", "AWS::Lambda::Function", "SnapStart: no snapshots", 4),
        Unsupported("Tick", "AWS::Lambda::Function", "Tracing: no X-Ray", 5),
        Unsupported("Bucket", "AWS::S3::Bucket", "notifications wake nothing", 7),
        Unsupported("Route", "AWS::ApiGatewayV2::Route", "AuthorizationType: IAM", 9),
    )
    resources = [("Bucket", "AWS::S3::Bucket", "elsewhere"), ("Route", "AWS::ApiGatewayV2::Route", "run")]
    stand.template = replace(TEMPLATE, unsupported=parts, resources=(*TEMPLATE.resources, *resources))
    body = await (await client.get("/api/resources")).json()
    found = {row["id"]: (row["standing"], row["reason"], row["line"]) for row in body["resources"] if row["reason"]}
    assert found == {
        "Tick": ("run", "SnapStart: no snapshots; Tracing: no X-Ray", 4),
        "Bucket": ("elsewhere", "notifications wake nothing", 7),
        "Route": ("not run", "AuthorizationType: IAM", 9),
    }


async def test_before_the_template_is_read_there_is_nothing_to_show(client: Client, stand: Stand) -> None:
    stand.template = None
    assert await (await client.get("/api/overview")).json() == []
    assert (await (await client.get("/api/resources")).json())["resources"] == []
