"""The events that schedules send; the same slot always gives the same bytes, as a second delivery on AWS would."""

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from samlet.model import DEFAULT_ACCOUNT, DEFAULT_REGION, Schedule


@dataclass(frozen=True)
class Place:
    """Where the schedules stand on AWS."""

    region: str = DEFAULT_REGION
    account: str = DEFAULT_ACCOUNT


def schedule_arn(schedule: Schedule, place: Place) -> str:
    """The ARN of the rule or the schedule."""
    if schedule.kind == "rule":
        return f"arn:aws:events:{place.region}:{place.account}:rule/{schedule.name}"
    return f"arn:aws:scheduler:{place.region}:{place.account}:schedule/{schedule.group}/{schedule.name}"


def moment_of(slot: datetime) -> str:
    """A slot as AWS writes it."""
    return slot.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def execution_id(schedule: Schedule, slot: datetime, place: Place) -> str:
    """The id of a firing."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{schedule_arn(schedule, place)}@{moment_of(slot)}"))


def payload(schedule: Schedule, slot: datetime, place: Place, *, attempt: int = 1) -> bytes:
    """What a firing at `slot` sends: the schedule's own input, else AWS's default event."""
    arn, moment, event_id = schedule_arn(schedule, place), moment_of(slot), execution_id(schedule, slot, place)
    if schedule.input is not None and schedule.kind == "rule":
        return schedule.input.encode()
    if schedule.input is not None:
        text = schedule.input
        for word, value in (
            ("schedule-arn", arn),
            ("scheduled-time", moment),
            ("execution-id", event_id),
            ("attempt-number", str(attempt)),
        ):
            text = text.replace(f"<aws.scheduler.{word}>", value)
        return text.encode()
    event = {
        "version": "0",
        "id": event_id,
        "detail-type": "Scheduled Event",
        "source": "aws.events" if schedule.kind == "rule" else "aws.scheduler",
        "account": place.account,
        "time": moment,
        "region": place.region,
        "resources": [arn],
        # Scheduler sends the empty detail as text; rules send an object.
        "detail": {} if schedule.kind == "rule" else "{}",
    }
    return json.dumps(event).encode()
