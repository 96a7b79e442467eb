"""Each alarm has a runbook, and each runbook says what one needs at night."""

import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
RUNBOOKS = CHECKOUT / "docs" / "runbooks"
ALARMS = {
    "OutboxTooOld", "DeadEvents", "ConsumerLag", "DigestLate", "FunctionErrors", "SlowApi", "MailUnknown",
    "MailServerUnusable", "Budget", "DatabaseStorage", "DatabaseConnections",
}  # fmt: skip
SECTIONS = ["What it means", "What the user notices", "Look", "Do", "Afterwards"]
FILES = sorted(path for path in RUNBOOKS.glob("*.md") if path.name != "README.md")


def table() -> dict[str, str]:
    """Alarm names to the runbook that the table sends one to."""
    rows = re.findall(r"^\| (`.+`) \|.*\((.+\.md)\) \|$", (RUNBOOKS / "README.md").read_text(), re.MULTILINE)
    return {alarm: file for alarms, file in rows for alarm in re.findall(r"`(\w+)`", alarms)}


def test_every_alarm_has_a_runbook_that_names_it() -> None:
    assert set(table()) == ALARMS
    for alarm, file in table().items():
        assert f"`{alarm}`" in (RUNBOOKS / file).read_text(), file


def test_every_runbook_is_in_the_table() -> None:
    text = (RUNBOOKS / "README.md").read_text()
    assert [path.name for path in FILES if f"({path.name})" not in text] == []


@pytest.mark.parametrize("runbook", FILES, ids=lambda path: path.stem)
def test_a_runbook_has_its_sections_in_order_and_says_where_it_was_tried(runbook: Path) -> None:
    text = runbook.read_text()
    assert [title for title in re.findall(r"^## (.+)$", text, re.MULTILINE) if title in SECTIONS] == SECTIONS
    assert re.fullmatch(r"Tried: .+\. Not tried: .+\.", text.rstrip().splitlines()[-1])
