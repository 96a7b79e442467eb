"""The console's API, over a stand-in for the emulator."""

import json
from datetime import UTC, datetime

import pytest

from console_stand import Client, Silent, Stand, Timetable
from samlet.errors import Throttled
from samlet.runtime import Outcome


@pytest.mark.parametrize(("ready", "status"), [(True, 200), (False, 503)])
async def test_health_is_503_until_ready(client: Client, stand: Stand, ready: bool, status: int) -> None:
    stand.ready = ready
    answer = await client.get("/healthz")
    assert answer.status == status
    assert await answer.json() == {
        "ready": ready,
        "addresses": stand.addresses,
        "parts": {"<b>": {"state": "ready", "pid": 7}},
    }


async def test_prometheus_gets_the_metrics_under_any_name_that_it_knows_us_by(client: Client) -> None:
    answer = await client.get("/metrics", headers={"Host": "local:9000"})
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert await answer.text() == "samlet_sandboxes 1.0\n"
    assert (await client.get("/healthz", headers={"Host": "local:9000"})).status == 403


async def test_functions_are_listed(client: Client) -> None:
    assert await (await client.get("/api/functions")).json() == {"Tick": {"sandboxes": [{"pid": 8}]}}


async def test_mails_are_listed_and_forgotten(client: Client) -> None:
    assert await (await client.get("/api/mails")).json() == [{"id": "1", "subject": "Hé"}]
    assert (await client.delete("/api/mails")).status == 204
    assert await (await client.get("/api/mails")).json() == []


async def test_a_mail_server_that_does_not_tell_its_mails_is_said_why(client: Client, stand: Stand) -> None:
    stand.mails = Silent()
    for answer in (await client.get("/api/mails"), await client.delete("/api/mails")):
        assert (answer.status, await answer.json()) == (502, {"error": "it does not answer"})


async def test_what_is_not_there_is_told(client: Client, stand: Stand) -> None:
    stand.mails = stand.schedules = None
    assert (await client.get("/api/mails")).status == 404
    assert await (await client.get("/api/events")).json() == {"error": "no Kafka runs here"}
    answer = await client.get("/api/schedules")
    assert (answer.status, await answer.json()) == (503, {"error": "still starting"})


async def test_schedules_are_listed_with_their_next_slot(client: Client) -> None:
    (row,) = await (await client.get("/api/schedules")).json()
    assert (row["name"], row["next"], row["enabled"]) == ("nightly", "2026-01-02T00:00:00+00:00", True)


async def test_a_schedule_is_run_for_a_slot(client: Client, stand: Stand) -> None:
    answer = await client.post("/api/schedules/group%2Fnightly/run?at=2026-11-21T00:00:00Z")
    body = await answer.json()
    assert (answer.status, body["ok"], body["payload"]) == (200, True, '{"a": 1}')
    assert stand.schedules
    assert stand.schedules.runs == [("group/nightly", datetime(2026, 11, 21, tzinfo=UTC))]


async def test_a_failed_run_is_told_with_its_answer(client: Client, stand: Stand) -> None:
    stand.schedules = Timetable(Outcome("r", b'{"errorMessage": "no"}', "Unhandled", b"log"))
    body = await (await client.post("/api/schedules/group%2Fnightly/run")).json()
    assert (body["ok"], body["function_error"], body["payload"]) == (False, "Unhandled", '{"errorMessage": "no"}')


async def test_a_refused_run_is_told(client: Client, stand: Stand) -> None:
    stand.schedules = Timetable(Throttled("Reserved", "all are busy"))
    body = await (await client.post("/api/schedules/group%2Fnightly/run")).json()
    assert body == {"ok": False, "error": "all are busy"}


@pytest.mark.parametrize("at", ["yesterday", "2026-11-21T00:00:00"])
async def test_a_slot_that_is_no_time_is_refused(client: Client, at: str) -> None:
    assert (await client.post("/api/schedules/group%2Fnightly/run", params={"at": at})).status == 400


@pytest.mark.parametrize(
    ("method", "action"), [("POST", "run"), ("POST", "pause"), ("POST", "resume"), ("GET", "next")]
)
async def test_an_unknown_schedule_is_404_with_the_known_ones(client: Client, method: str, action: str) -> None:
    answer = await client.request(method, f"/api/schedules/none/{action}")
    assert answer.status == 404
    assert "group/nightly" in (await answer.json())["error"]


async def test_the_next_ten_slots_of_a_schedule_are_told(client: Client) -> None:
    slots = await (await client.get("/api/schedules/group%2Fnightly/next")).json()
    assert (len(slots), slots[0]) == (10, "2026-01-02T00:00:00+00:00")


async def test_as_many_slots_as_one_likes_are_told_after_any_time(client: Client) -> None:
    query = {"count": "2", "after": "2027-03-27T00:00:00Z"}
    slots = await (await client.get("/api/schedules/group%2Fnightly/next", params=query)).json()
    assert slots == ["2027-03-28T00:00:00+00:00", "2027-03-29T00:00:00+00:00"]


@pytest.mark.parametrize(
    "query",
    [{"count": "0"}, {"count": "1001"}, {"count": "9" * 5000}, {"count": "²"}, {"count": ""}, {"after": "soon"}],
)
async def test_slots_that_cannot_be_counted_are_refused(client: Client, query: dict[str, str]) -> None:
    assert (await client.get("/api/schedules/group%2Fnightly/next", params=query)).status == 400


async def test_a_schedule_is_paused_and_resumed(client: Client, stand: Stand) -> None:
    assert stand.schedules
    answer = await client.post("/api/schedules/group%2Fnightly/pause")
    assert (await answer.json(), stand.schedules.paused) == ({"name": "group/nightly", "paused": True}, True)
    answer = await client.post("/api/schedules/group%2Fnightly/resume")
    assert (await answer.json(), stand.schedules.paused) == ({"name": "group/nightly", "paused": False}, False)


async def test_a_schedule_that_the_template_disables_is_a_conflict(client: Client) -> None:
    answer = await client.post("/api/schedules/off/resume")
    assert (answer.status, "disabled in the template" in (await answer.json())["error"]) == (409, True)


async def test_the_page_may_load_nothing_from_elsewhere_and_be_framed_by_nobody(client: Client) -> None:
    answer = await client.get("/")
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"


async def test_every_part_of_the_page_is_served_and_nothing_else(client: Client) -> None:
    for part in ("console.css", "main.js", "views/invocations.js"):
        answer = await client.get(f"/static/{part}")
        assert (answer.status, answer.headers["X-Content-Type-Options"]) == (200, "nosniff")
    for path in ("..%2Fapp.py", "../app.py", "views", "none.js", "views%2F..%2F..%2Fapp.py"):
        assert (await client.get(f"/static/{path}")).status == 404


@pytest.mark.parametrize("host", ["evil.example", "evil.example:9000", "127.0.0.1.evil.example", "[::1", ""])
async def test_a_host_that_is_no_loopback_name_is_refused(client: Client, host: str) -> None:
    assert (await client.get("/api/mails", headers={"Host": host})).status == 403


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1", "[::1]:9000"])
async def test_loopback_names_are_let_in(client: Client, host: str) -> None:
    assert (await client.get("/api/mails", headers={"Host": host})).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_another_origin_changes_nothing(client: Client, stand: Stand, headers: dict[str, str]) -> None:
    assert (await client.delete("/api/mails", headers=headers)).status == 403
    assert (await client.post("/api/schedules/group%2Fnightly/run", headers=headers)).status == 403
    assert stand.mails
    assert stand.mails.kept
    assert stand.schedules
    assert not stand.schedules.runs


async def test_its_own_origin_may_change_things(client: Client) -> None:
    origin = str(client.make_url("")).rstrip("/")
    headers = {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
    assert (await client.delete("/api/mails", headers=headers)).status == 204


async def test_json_is_answered_as_utf_8(client: Client) -> None:
    raw = await (await client.get("/api/mails")).read()
    assert json.loads(raw.decode())[0]["subject"] == "Hé"


async def test_the_html_of_a_mail_is_served_so_that_it_can_do_nothing(client: Client, stand: Stand) -> None:
    assert stand.mails
    stand.mails.sources["7"] = b"Subject: =?utf-8?q?H=C3=A9?=\r\nContent-Type: text/html\r\n\r\n<script>1</script>"
    answer = await client.get("/api/mails/7/html")
    assert (answer.status, await answer.text()) == (200, "<script>1</script>")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "script" not in policy
    body = await (await client.get("/api/mails/7")).json()
    assert (body["headers"][0], body["text"], body["has_html"]) == (["Subject", "Hé"], None, True)
    assert (await client.get("/api/mails/8")).status == 404
    assert (await client.get("/api/mails/8/html")).status == 404
