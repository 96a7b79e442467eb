"""What a dead-letter queue is told of a schedule's event that could not be delivered, in AWS's words."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from samlet.errors import FunctionNotFound, SamletError, Throttled
from samlet.model import Schedule
from samlet.runtime.destination_client import Attributes
from samlet.sources.schedule_events import Place, execution_id, moment_of, schedule_arn

# By kind of schedule: EventBridge has codes of its own, Scheduler passes on those of Lambda.
_NOT_FOUND = {"rule": "NO_RESOURCE", "scheduler": "ResourceNotFoundException"}
_THROTTLED = {"rule": "THROTTLING", "scheduler": "TooManyRequestsException"}
_OTHER = {"rule": "INTERNAL_ERROR", "scheduler": "AWS.Scheduler.InternalServerError"}
_SCHEDULER_TARGET = "arn:aws:scheduler:::aws-sdk:lambda:invoke"


@dataclass(frozen=True, slots=True)
class Undelivered:
    """Why an event is given up; `exhausted` is the limit that was met, None where trying again would be no use."""

    error: SamletError
    retries: int
    exhausted: Literal["MaximumRetryAttempts", "MaximumEventAgeInSeconds"] | None


def given_up(schedule: Schedule, error: SamletError, attempt: int, *, too_late: bool) -> Undelivered | None:
    """Return why an event is given up after that many attempts, None where it is to be tried again."""
    if isinstance(error, FunctionNotFound):
        return Undelivered(error, attempt - 1, None)
    if attempt > schedule.retries:
        return Undelivered(error, attempt - 1, "MaximumRetryAttempts")
    return Undelivered(error, attempt - 1, "MaximumEventAgeInSeconds") if too_late else None


def attributes(schedule: Schedule, slot: datetime, place: Place, why: Undelivered) -> Attributes:
    """Return the attributes of the message; its body is the event itself."""
    told = {
        "ERROR_CODE": _code(schedule, why.error),
        "ERROR_MESSAGE": str(why.error),
        "RETRY_ATTEMPTS": str(why.retries),
    }
    if why.exhausted:
        told["EXHAUSTED_RETRY_CONDITION"] = why.exhausted
    if schedule.kind == "rule":
        told |= {"RULE_ARN": schedule_arn(schedule, place), "TARGET_ARN": schedule.target_arn}
    else:
        told |= {
            "EXECUTION_ID": execution_id(schedule, slot, place),
            "IS_PAYLOAD_TRUNCATED": "false",
            "SCHEDULED_TIME": moment_of(slot),
            "SCHEDULE_ARN": schedule_arn(schedule, place),
            "TARGET_ARN": _SCHEDULER_TARGET,
        }
    return {name: ("String", value) for name, value in told.items()}


def _code(schedule: Schedule, error: SamletError) -> str:
    codes = (
        _NOT_FOUND if isinstance(error, FunctionNotFound) else _THROTTLED if isinstance(error, Throttled) else _OTHER
    )
    return codes[schedule.kind]
