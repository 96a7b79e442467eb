"""Lambda authorizers: a function that is asked whether a request may go on, and its answers, kept for a while."""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from samlet.errors import SamletError
from samlet.log import say
from samlet.model import LambdaAuthorizer
from samlet.runtime.outcome import Outcome
from samlet.sources.authorization import Allowed, Refused
from samlet.sources.iam_policy import allows
from samlet.sources.invoker import Invoker

PATIENCE = 10.0  # seconds that API Gateway waits for an authorizer
KEPT = 10_000  # answers; beyond that the oldest are asked for anew
_BROKEN = "the authorizer failed"


class BrokenAuthorizer(Exception):
    """The function failed, or its answer means nothing; the text says how."""


class LambdaGuard:
    """One Lambda authorizer with the answers that it has given."""

    def __init__(self, authorizer: LambdaAuthorizer, invoker: Invoker, *, patience: float = PATIENCE) -> None:
        self._authorizer = authorizer
        self._invoker = invoker
        self._patience = patience
        self._kept: OrderedDict[tuple[str, ...], tuple[float, dict[str, Any]]] = OrderedDict()
        self._running: set[asyncio.Future[Outcome]] = set()

    async def decide(
        self, identities: Sequence[str | None], event: Callable[[], bytes], arn: str, now: float
    ) -> Allowed | Refused:
        """Return what becomes of a request with these identity values; `now` is seconds, `arn` the route's."""
        known = tuple(value for value in identities if value)
        if len(known) < len(identities):
            return Refused(401, "an identity source is missing")
        try:
            answer = self._remembered(known, now)
            if answer is None:
                answer = await self._ask(event())
                allowed = verdict(answer, arn, simple=self._authorizer.simple)
                self._remember(known, answer, now)
            else:
                allowed = verdict(answer, arn, simple=self._authorizer.simple)
        except PermissionError:
            return Refused(401, "Unauthorized")
        except (BrokenAuthorizer, SamletError, ValueError) as error:
            say("gateway", f"authorizer {self._authorizer.name}: {error}", level="error")
            return Refused(500, str(error))
        return Allowed({"lambda": context_of(answer, self._authorizer)}) if allowed else Refused(403, "Forbidden")

    def _remembered(self, known: tuple[str, ...], now: float) -> dict[str, Any] | None:
        until, answer = self._kept.get(known, (now, {}))
        return answer if now < until else None

    def _remember(self, known: tuple[str, ...], answer: dict[str, Any], now: float) -> None:
        if self._authorizer.ttl:
            self._kept.pop(known, None)
            self._kept[known] = (now + self._authorizer.ttl, answer)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)

    async def _ask(self, event: bytes) -> dict[str, Any]:
        invocation = asyncio.ensure_future(self._invoker.invoke(self._authorizer.function, event))
        self._running.add(invocation)  # held: after its time it runs on, as the functions of routes do
        invocation.add_done_callback(self._finished)
        done, _ = await asyncio.wait({invocation}, timeout=self._patience)
        if not done:
            raise BrokenAuthorizer(f"no answer within {self._patience:g} s")
        return read_answer(invocation.result())

    def _finished(self, invocation: asyncio.Future[Outcome]) -> None:
        self._running.discard(invocation)
        if not invocation.cancelled():
            invocation.exception()  # seen, so that asyncio does not complain


def read_answer(outcome: Outcome) -> dict[str, Any]:
    """Return the function's answer; raises PermissionError if it says `Unauthorized`, else BrokenAuthorizer."""
    try:
        answer = json.loads(outcome.payload)
    except ValueError as error:
        raise BrokenAuthorizer("the answer is no JSON") from error
    if outcome.function_error:
        if isinstance(answer, dict) and answer.get("errorMessage") == "Unauthorized":
            raise PermissionError
        raise BrokenAuthorizer(_BROKEN)
    if not isinstance(answer, dict):
        raise BrokenAuthorizer("the answer is no object")
    return answer


def verdict(answer: dict[str, Any], arn: str, *, simple: bool) -> bool:
    """Return whether the answer lets the route's ARN pass; raises ValueError where it says nothing of it."""
    if not simple:
        return allows(answer.get("policyDocument"), arn)
    allowed = answer.get("isAuthorized")
    if not isinstance(allowed, bool):
        raise ValueError("the answer has no isAuthorized, which simple responses ask for")
    return allowed


def context_of(answer: dict[str, Any], authorizer: LambdaAuthorizer) -> dict[str, Any] | None:
    """Return what the function wants to be told on; with format 1.0 the principal as well."""
    context = answer.get("context")
    if context is not None and not isinstance(context, dict):
        raise ValueError("context is no object")
    if authorizer.payload_format == "1.0":
        return {"principalId": answer.get("principalId")} | (context or {})
    return context
