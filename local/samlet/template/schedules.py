"""Schedules of a template: EventBridge rules with a schedule expression, and schedules of EventBridge Scheduler."""

import json
import re
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime

from samlet.errors import TemplateError
from samlet.model import Schedule
from samlet.template.destinations import can_deliver
from samlet.template.properties import Properties
from samlet.template.stack import Resource, Stack

_WORD = re.compile(r"<aws\.scheduler\.[a-z-]+>")
_RETRIES = 185
_MAX_AGE = 86_400


def schedules(stack: Stack, runnable: set[str], queues: Collection[str] = ()) -> tuple[Schedule, ...]:
    """Every schedule that wakes a `runnable` function; the others are noted as unsupported.

    `queues` are the ARNs of those that are there.
    """
    rules = stack.of_type("AWS::Events::Rule")
    found = [schedule for rule in rules for schedule in _rule(stack, rule, runnable, queues)]
    for resource in stack.of_type("AWS::Scheduler::Schedule"):
        schedule = _scheduled(stack, resource, runnable, queues)
        if schedule:
            found.append(schedule)
    _check_names(found)
    return tuple(found)


def _check_names(found: Iterable[Schedule]) -> None:
    """Refuse two of one name, as AWS does when it makes the second one."""
    seen = set()
    for schedule in found:
        name = (schedule.kind, schedule.group, schedule.name)
        if name in seen:
            where = f" in the group {schedule.group}" if schedule.kind == "scheduler" else ""
            raise TemplateError(f"two schedules{where} are named {schedule.name}; give one another Name")
        seen.add(name)


def _rule(stack: Stack, rule: Resource, runnable: set[str], queues: Collection[str]) -> Iterator[Schedule]:
    properties = rule.properties
    if "EventPattern" in properties:
        stack.refuse(rule, "EventPattern: there is no local event bus")
    if "ScheduleExpression" not in properties:
        return
    name = properties.text("Name", rule.logical_id)
    targets = properties.maps("Targets")
    for target in targets:
        function = _function(stack, rule, target, runnable)
        transformed = next((key for key in ("InputTransformer", "InputPath") if key in target), None)
        if transformed:
            stack.refuse(rule, f"Targets.{transformed}: events are not transformed, so the target is left out")
        elif function:
            retry = target.inner("RetryPolicy")
            yield Schedule(
                name=name if len(targets) == 1 else f"{name}-{target.text('Id')}",
                logical_id=rule.logical_id,
                kind="rule",
                expression=properties.text("ScheduleExpression"),
                function=function,
                input=_input(target),
                enabled=properties.text("State", "ENABLED") != "DISABLED",
                retries=retry.integer("MaximumRetryAttempts", _RETRIES, low=0, high=_RETRIES),
                max_age=retry.integer("MaximumEventAgeInSeconds", _MAX_AGE, low=60, high=_MAX_AGE),
                target_arn=target.text("Arn"),
                dead_letters=_dead_letters(stack, rule, target, "Targets", queues),
            )


def _scheduled(stack: Stack, resource: Resource, runnable: set[str], queues: Collection[str]) -> Schedule | None:
    properties = resource.properties
    target = properties.inner("Target")
    function = _function(stack, resource, target, runnable)
    if function is None:
        return None
    retry = target.inner("RetryPolicy")
    start, end = _instant(properties, "StartDate"), _instant(properties, "EndDate")
    if start and end and end < start:
        raise properties.error("EndDate", f"{end:%Y-%m-%dT%H:%M:%SZ} comes before StartDate")
    return Schedule(
        name=properties.text("Name", resource.logical_id),
        logical_id=resource.logical_id,
        kind="scheduler",
        expression=properties.text("ScheduleExpression"),
        function=function,
        timezone=properties.text("ScheduleExpressionTimezone", "UTC"),
        input=_input(target),
        enabled=properties.choice("State", "ENABLED", "ENABLED", "DISABLED") == "ENABLED",
        flexible_minutes=_flexible_minutes(properties.inner("FlexibleTimeWindow")),
        start=start,
        end=end,
        group=properties.text("GroupName", "default"),
        retries=retry.integer("MaximumRetryAttempts", _RETRIES, low=0, high=_RETRIES),
        max_age=retry.integer("MaximumEventAgeInSeconds", _MAX_AGE, low=60, high=_MAX_AGE),
        target_arn=target.text("Arn"),
        dead_letters=_dead_letters(stack, resource, target, "Target", queues),
    )


def _function(stack: Stack, resource: Resource, target: Properties, runnable: set[str]) -> str | None:
    """The function behind a target; one that cannot be run is noted."""
    arn = target.text("Arn")
    function = stack.function_at(arn)
    if function is None:
        stack.refuse(resource, f"Target: {arn} is no function of this template")
    elif function not in runnable:
        stack.refuse(resource, f"Target: its function {function} cannot be run")
    return function if function in runnable else None


def _dead_letters(
    stack: Stack, resource: Resource, target: Properties, place: str, queues: Collection[str]
) -> str | None:
    arn = target.inner("DeadLetterConfig").optional_text("Arn")
    if arn is None:
        return None
    where, fifo = f"{place}.DeadLetterConfig", "is a FIFO queue, which AWS does not take"
    return arn if can_deliver(stack, resource, where, arn, there=queues, kinds="queue", fifo=fifo) else None


def _input(target: Properties) -> str | None:
    value = target.raw("Input")
    if value is None or not isinstance(value, str):
        return None if value is None else json.dumps(value)
    try:
        json.loads(_WORD.sub("1", value))  # a number may stand for a word, inside quotes and outside
    except (ValueError, RecursionError) as error:
        raise target.error("Input", f"is no JSON, which functions need: {error}") from error
    return value


def _flexible_minutes(window: Properties) -> int:
    if window.choice("Mode", "OFF", "OFF", "FLEXIBLE") == "OFF":
        return 0
    return window.integer("MaximumWindowInMinutes", low=1, high=1440)


def _instant(properties: Properties, name: str) -> datetime | None:
    text = properties.optional_text(name)
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise properties.error(name, f"needs a date such as 2030-01-31T08:00:00Z, not {text}") from error
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
