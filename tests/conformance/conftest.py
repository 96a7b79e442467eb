"""The target, and clients that speak its public protocols."""

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config

from conformance.issuer import Issuer, issuer
from conformance.target import NotOffered, Target, samlet, told
from waiting import eventually

Invoke = Callable[..., dict[str, Any]]
Inbox = Callable[[str], list[dict[str, Any]]]
_OUTCOMES = pytest.StashKey[dict[str, str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_OUTCOMES] = {}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the whole suite to one worker: otherwise each of them starts a target of its own and keeps it to the end."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.xdist_group("conformance"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    feature = f"{Path(item.location[0]).stem.removeprefix('test_')}::{item.name}"
    outcomes = item.config.stash[_OUTCOMES]
    if call.excinfo:
        outcomes[feature] = "not offered" if call.excinfo.errisinstance(NotOffered) else "no"
    elif call.when == "call":
        outcomes[feature] = "yes"
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    file = os.environ.get("CONFORMANCE_RESULTS")
    if file:
        told = {name: os.environ.get(f"CONFORMANCE_{name.upper()}", "") for name in ("target", "version", "how")}
        outcomes = dict(sorted(session.config.stash[_OUTCOMES].items()))
        body = {**told, "date": str(datetime.now(UTC).date()), "outcomes": outcomes}
        Path(file).write_text(json.dumps(body, indent=1) + "\n", "utf-8")


@pytest.fixture(scope="session")
def target() -> Iterator[Target]:
    given = told(os.environ)
    if given:
        yield given
        return
    with issuer("http://127.0.0.1:0") as ours, samlet(ours.url) as running:
        yield running


@pytest.fixture(scope="session")
def tokens(target: Target) -> Iterator[Issuer]:
    """The issuer whose tokens the target's JWT authorizer takes."""
    url = target.door("issuer")
    if target.name == "samlet":
        yield Issuer(url)
        return
    with issuer(url) as published:
        yield published


@pytest.fixture
def http(target: Target) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=target.door("api"), timeout=40) as client:
        yield client


@pytest.fixture(scope="session")
def lambda_client(target: Target) -> Any:
    """boto3's client; on an emulator any credentials will do."""
    at_aws = ".amazonaws.com" in target.door("invoke")
    credentials: dict[str, Any] = {} if at_aws else {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    config = Config(retries={"max_attempts": 1, "mode": "standard"}, read_timeout=60)
    region = os.environ.get("AWS_REGION", "eu-central-1")
    return boto3.client("lambda", region_name=region, endpoint_url=target.door("invoke"), config=config, **credentials)


@pytest.fixture(scope="session")
def invoke(lambda_client: Any) -> Invoke:
    """Invoke a function; the answer holds `payload`, parsed, beside what boto3 tells."""

    def call(function: str, event: Any = None, **options: Any) -> dict[str, Any]:
        answer = lambda_client.invoke(FunctionName=function, Payload=json.dumps(event or {}).encode(), **options)
        text = answer.pop("Payload").read()
        return {**answer, "payload": json.loads(text) if text else None}

    return call


@pytest.fixture(scope="session")
def inbox(invoke: Invoke, lambda_client: Any) -> Inbox:
    """The events that have woken a function so far."""

    def events(function: str) -> list[dict[str, Any]]:
        def ask() -> list[Any] | None:
            try:
                answer = invoke(function, {"tell": True})
            except lambda_client.exceptions.TooManyRequestsException:
                return None  # its one sandbox is at work just now
            return [answer["payload"]]

        told = eventually(ask, timeout=30)
        assert told
        return list(told[0])

    return events
