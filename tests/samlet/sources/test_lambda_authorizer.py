"""Lambda authorizers: whom they ask, how long an answer counts, and what they do about silence."""

import asyncio
import json
from typing import Any

from samlet.errors import Throttled
from samlet.model import LambdaAuthorizer
from samlet.runtime.outcome import Outcome
from samlet.sources import lambda_authorizer
from samlet.sources.authorization import Allowed, Refused
from samlet.sources.lambda_authorizer import LambdaGuard
from waiting import eventually_async

SIMPLE = LambdaAuthorizer("Ask", "Ask", ("$request.header.X-Key",), simple=True, ttl=60)
POLICY = LambdaAuthorizer("Ask", "Ask", ("$request.header.X-Key",), ttl=60)
ARN = "arn:aws:execute-api:eu-central-1:000000000000:Api/$default/GET/"


class Function:
    """Gives the answers in turn, the last one for ever; an exception is raised, None never comes."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.release = asyncio.Event()
        self.finished = 0

    async def invoke(self, name: str, payload: bytes) -> Outcome:
        assert (name, payload) == ("Ask", b"{}")
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            await self.release.wait()
        self.finished += 1
        return Outcome("id", json.dumps(answer).encode())

    async def invoke_event(self, name: str, payload: bytes) -> str:
        raise NotImplementedError


async def decided(guard: LambdaGuard, key: str | None = "k", now: float = 0, path: str = "a") -> Allowed | Refused:
    return await guard.decide([key], lambda: b"{}", ARN + path, now)


async def test_an_answer_counts_until_its_time_is_over() -> None:
    function = Function({"isAuthorized": True, "context": {"n": 1}}, {"isAuthorized": False})
    guard = LambdaGuard(SIMPLE, function)
    for now in (0, 30, 59.9):
        assert await decided(guard, now=now) == Allowed({"lambda": {"n": 1}})
    assert function.asked == 1
    assert await decided(guard, now=60) == Refused(403, "Forbidden")
    assert await decided(guard, now=119) == Refused(403, "Forbidden")
    assert function.asked == 2


async def test_without_a_ttl_each_request_is_asked_for() -> None:
    function = Function({"isAuthorized": True})
    guard = LambdaGuard(LambdaAuthorizer("Ask", "Ask", ("$request.header.X-Key",), simple=True), function)
    for _ in range(3):
        await decided(guard)
    assert function.asked == 3


async def test_another_identity_is_asked_for_anew() -> None:
    function = Function({"isAuthorized": True}, {"isAuthorized": False})
    guard = LambdaGuard(SIMPLE, function)
    assert isinstance(await decided(guard, "ann"), Allowed)
    assert isinstance(await decided(guard, "bob"), Refused)
    assert isinstance(await decided(guard, "ann"), Allowed)


async def test_a_kept_policy_is_applied_to_each_route_by_itself() -> None:
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": f"{ARN}a"}
    function = Function({"policyDocument": {"Statement": [statement]}})
    guard = LambdaGuard(POLICY, function)
    assert await decided(guard, path="a") == Allowed({"lambda": None})
    assert await decided(guard, path="b") == Refused(403, "Forbidden")
    assert function.asked == 1


async def test_a_failure_is_not_kept() -> None:
    function = Function(Throttled("X", "busy"), {"isAuthorized": "what"}, {"isAuthorized": True})
    guard = LambdaGuard(SIMPLE, function)
    assert await decided(guard) == Refused(500, "busy")
    assert isinstance(await decided(guard), Refused)
    assert isinstance(await decided(guard), Allowed)


async def test_an_authorizer_that_is_silent_is_a_500_while_it_runs_on() -> None:
    function = Function(None)
    guard = LambdaGuard(SIMPLE, function, patience=0.05)
    assert await decided(guard) == Refused(500, "no answer within 0.05 s")
    assert lambda_authorizer.PATIENCE == 10
    function.release.set()
    await eventually_async(lambda: function.finished == 1)


async def test_no_more_answers_are_kept_than_the_limit(monkeypatch: Any) -> None:
    monkeypatch.setattr(lambda_authorizer, "KEPT", 2)
    function = Function({"isAuthorized": True})
    guard = LambdaGuard(SIMPLE, function)
    for key in ("a", "b", "c", "b", "c"):
        await decided(guard, key)
    assert function.asked == 3
    await decided(guard, "a")
    assert function.asked == 4


async def test_a_missing_identity_is_not_asked_for() -> None:
    function = Function({"isAuthorized": True})
    assert await decided(LambdaGuard(SIMPLE, function), None) == Refused(401, "an identity source is missing")
    assert function.asked == 0
