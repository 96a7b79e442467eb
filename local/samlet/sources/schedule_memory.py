"""What is kept of the schedules from one run to the next: how far each has come, and which are paused."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from samlet.log import say
from samlet.model import Schedule


class ScheduleMemory:
    """A small JSON file, or nothing but this object where no path is given."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._kept = _read(path) if path else {}

    def handled_until(self, schedule: Schedule) -> datetime | None:
        """The last slot that is done with; None for a schedule that is new, or is not what it was."""
        entry = self._kept.get(_key(schedule), {})
        if (entry.get("expression"), entry.get("timezone")) != (schedule.expression, schedule.timezone):
            return None
        return datetime.fromisoformat(entry["handled_until"])

    def handled(self, schedule: Schedule, slot: datetime) -> None:
        """Everything up to `slot` is done with."""
        self._keep(
            schedule,
            expression=schedule.expression,
            timezone=schedule.timezone,
            handled_until=slot.astimezone(UTC).isoformat(),
        )

    def paused(self, schedule: Schedule) -> bool:
        """Whether somebody has paused it."""
        return bool(self._kept.get(_key(schedule), {}).get("paused"))

    def pause(self, schedule: Schedule, *, paused: bool) -> None:
        """Note that it is paused, or no longer."""
        self._keep(schedule, paused=paused)

    def _keep(self, schedule: Schedule, **facts: Any) -> None:
        self._kept.setdefault(_key(schedule), {}).update(facts)
        if self._path:
            self._write(self._path)

    def _write(self, path: Path) -> None:
        """Write the file whole or not at all; a schedule fires on even if the disk is full."""
        draft = path.with_suffix(".new")
        try:
            draft.write_text(json.dumps(self._kept, indent=2))
            draft.replace(path)
        except OSError as error:
            say("samlet", f"how far schedules have come cannot be kept: {error}", level="warning")


def _key(schedule: Schedule) -> str:
    return f"{schedule.kind}/{schedule.group}/{schedule.name}"


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        kept: dict[str, dict[str, Any]] = json.loads(path.read_text())
        for entry in kept.values():
            if "handled_until" in entry and datetime.fromisoformat(entry["handled_until"]).tzinfo is None:
                raise ValueError("a time without a zone")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        say("samlet", f"{path} cannot be read ({error}): schedules begin anew", level="warning")
        return {}
    return kept
