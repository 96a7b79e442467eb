"""The task list over HTTP, as docs/contracts/rest says."""

from typing import Any
from uuid import uuid4

import pytest

from integration.api import Account, Api


def patch(api: Api, account: Account, task: dict[str, Any], body: dict[str, Any], **headers: str) -> Any:
    return api.tasks.patch(f"/tasks/{task['id']}", json=body, headers=account.headers | headers)


def test_a_new_task_is_answered_with_its_place_and_its_etag(api: Api) -> None:
    account = api.account()
    body = {"title": "  buy milk ", "notes": "two\nlitres", "due_on": "2026-12-31"}
    answer = api.tasks.post("/tasks", json=body, headers=account.headers)
    assert answer.status_code == 201
    task = answer.json()
    assert answer.headers["location"] == f"/tasks/{task['id']}"
    assert answer.headers["etag"] == '"1"'
    assert task == {
        "id": task["id"],
        "title": "buy milk",
        "notes": "two\nlitres",
        "done": False,
        "done_at": None,
        "due_on": "2026-12-31",
        "created_at": "2026-03-10T12:00:00Z",
        "updated_at": "2026-03-10T12:00:00Z",
        "version": 1,
    }
    read = api.tasks.get(answer.headers["location"], headers=account.headers)
    assert (read.json(), read.headers["etag"]) == (task, '"1"')


def test_a_task_tells_of_everything_that_happens_to_it_in_order(api: Api) -> None:
    account = api.account()
    task = api.task(account)
    place = f"/tasks/{task['id']}"
    for change in ({"title": "bread"}, {"done": True}, {"done": True}, {"title": "rolls", "done": False}, {}):
        assert patch(api, account, task, change).status_code == 200
    assert api.tasks.delete(place, headers=account.headers).status_code == 204
    assert api.tasks.post(f"{place}/restore", headers=account.headers).status_code == 200
    told = [event for event in api.events() if event.get("task_id") == task["id"]]
    assert [event["type"] for event in told] == [
        "task.created",
        "task.updated",
        "task.completed",
        "task.updated",
        "task.reopened",
        "task.deleted",
        "task.restored",
    ]
    assert {event["user_id"] for event in told} == {account.id}
    assert told[0].keys() == {"event_id", "type", "occurred_at", "user_id", "task_id", "title"}
    assert told[2].keys() == {"event_id", "type", "occurred_at", "user_id", "task_id"}


def test_done_at_is_the_moment_of_the_completion_and_goes_with_it(api: Api) -> None:
    account = api.account()
    task = api.task(account)
    api.clock.advance(minutes=1)
    first = patch(api, account, task, {"done": True}).json()
    api.clock.advance(minutes=1)
    again = patch(api, account, task, {"done": True}).json()
    assert first["done_at"] == again["done_at"] == "2026-03-10T12:01:00Z"
    assert first["version"] == again["version"] == 2
    assert patch(api, account, task, {"done": False}).json()["done_at"] is None


def test_null_empties_notes_and_due_date_and_is_an_error_elsewhere(api: Api) -> None:
    account = api.account()
    task = api.task(account, notes="n", due_on="2026-12-31")
    emptied = patch(api, account, task, {"notes": None, "due_on": None}).json()
    assert (emptied["notes"], emptied["due_on"], emptied["title"]) == (None, None, "milk")
    for field in ("title", "done"):
        answer = patch(api, account, task, {field: None})
        assert answer.status_code == 422
        assert [error["field"] for error in answer.json()["errors"]] == [f"body.{field}"]


@pytest.mark.parametrize(
    ("if_match", "status"),
    [
        ('"1"', 200),
        ("*", 200),
        ('"7", "1"', 200),
        ('W/"7", "1"', 200),
        ('"2"', 412),
        ('W/"1"', 412),
        ("1", 412),
        ("", 412),
        ('"', 412),
    ],
)
def test_if_match_guards_a_change_and_a_deletion(api: Api, if_match: str, status: int) -> None:
    account = api.account()
    task = api.task(account)
    answer = patch(api, account, task, {"title": "bread"}, **{"If-Match": if_match})
    assert answer.status_code == status
    if status == 412:
        assert answer.json()["code"] == "precondition_failed"
        headers = account.headers | {"If-Match": if_match}
        assert api.tasks.delete(f"/tasks/{task['id']}", headers=headers).status_code == 412
    else:
        assert answer.headers["etag"] == '"2"'


def test_the_list_is_newest_first_and_its_pages_miss_and_repeat_nothing(api: Api) -> None:
    account = api.account()
    made = []
    for number in range(7):
        made.append(api.task(account, title=f"task {number}")["id"])
        if number % 2:  # some share their moment
            api.clock.advance(seconds=1)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = api.tasks.get("/tasks", params=query, headers=account.headers).json()
        seen += [item["id"] for item in page["items"]]
        api.task(account, title="newer than all pages")
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(seen) == sorted(made)
    assert seen[0] == made[-1]


def test_the_list_can_be_narrowed_to_what_is_done_or_not(api: Api) -> None:
    account = api.account()
    done, undone, gone = (api.task(account, title=title) for title in ("done", "undone", "gone"))
    patch(api, account, done, {"done": True})
    api.tasks.delete(f"/tasks/{gone['id']}", headers=account.headers)

    def titles(query: str) -> set[str]:
        return {item["title"] for item in api.tasks.get(f"/tasks{query}", headers=account.headers).json()["items"]}

    assert titles("") == {"done", "undone"}
    assert titles("?done=true") == {"done"}
    assert titles("?done=false") == {"undone"}
    assert undone["title"] == "undone"


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=x", "limit=" + "9" * 5000, "done=maybe", "cursor=x", "cursor=%ff"],
)
def test_a_query_that_is_not_valid_names_its_parameter(api: Api, query: str) -> None:
    answer = api.tasks.get(f"/tasks?{query}", headers=api.account().headers)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [f"query.{query.split('=')[0]}"]


def test_a_cursor_of_another_user_is_no_cursor(api: Api) -> None:
    ann, bob = api.account(), api.account("bob@example.com")
    for _ in range(2):
        api.task(ann)
    cursor = api.tasks.get("/tasks?limit=1", headers=ann.headers).json()["next_cursor"]
    assert api.tasks.get("/tasks", params={"cursor": cursor}, headers=bob.headers).status_code == 422


def test_a_deleted_task_can_be_restored_for_thirty_days(api: Api) -> None:
    account = api.account()
    tasks = [api.task(account) for _ in range(2)]
    for task in tasks:
        api.tasks.delete(f"/tasks/{task['id']}", headers=account.headers)
        for gone in (
            api.tasks.get(f"/tasks/{task['id']}", headers=account.headers),
            api.tasks.delete(f"/tasks/{task['id']}", headers=account.headers),
            patch(api, account, task, {"title": "x"}),
        ):
            assert (gone.status_code, gone.json()["code"]) == (404, "not_found")

    def restore(task: dict[str, Any]) -> Any:
        headers = {"Authorization": f"Bearer {api.token_keys.issue(account_id, api.clock())}"}
        return api.tasks.post(f"/tasks/{task['id']}/restore", headers=headers)

    from uuid import UUID

    account_id = UUID(account.id)
    api.clock.advance(days=29, hours=23)
    assert restore(tasks[0]).json()["version"] == 3
    assert restore(tasks[0]).json()["version"] == 3
    api.clock.advance(hours=1)
    assert restore(tasks[1]).status_code == 404


def test_g5_a_task_of_another_user_is_not_there(api: Api) -> None:
    ann, bob = api.account(), api.account("bob@example.com")
    task = api.task(ann)
    place = f"/tasks/{task['id']}"
    answers = [
        api.tasks.get(place, headers=bob.headers),
        api.tasks.patch(place, json={"title": "mine"}, headers=bob.headers),
        api.tasks.delete(place, headers=bob.headers),
        api.tasks.post(f"{place}/restore", headers=bob.headers),
        api.tasks.get(f"/tasks/{uuid4()}", headers=bob.headers),
    ]
    bodies = [answer.json() | {"request_id": ""} for answer in answers]
    assert all(body == bodies[-1] and body["status"] == 404 for body in bodies)
    assert api.tasks.get("/tasks", headers=bob.headers).json()["items"] == []
    assert api.tasks.get(place, headers=ann.headers).json() == task


def test_a_token_whose_account_is_gone_adds_no_task(api: Api) -> None:
    account = api.account()
    api.rows("DELETE FROM users")
    answer = api.tasks.post("/tasks", json={"title": "milk"}, headers=account.headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_the_events_of_a_request_go_on_with_its_trace(api: Api) -> None:
    account = api.account()
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    api.tasks.post("/tasks", json={"title": "x"}, headers=account.headers | {"traceparent": traceparent})
    api.tasks.post("/tasks", json={"title": "y"}, headers=account.headers | {"traceparent": "nonsense"})
    ((given,), (made,)) = api.rows("SELECT headers->>'traceparent' FROM outbox WHERE type LIKE 'task%' ORDER BY id")
    assert given == traceparent
    assert made.startswith("00-")
    assert made != traceparent
