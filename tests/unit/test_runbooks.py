"""Each alarm has a runbook, and each runbook says what one needs at night."""

import re
from pathlib import Path

import pytest

import stacks

CHECKOUT = Path(__file__).resolve().parents[2]
RUNBOOKS = CHECKOUT / "docs" / "runbooks"
WATCHED = stacks.read("observability")["Resources"]
ALARMS = {name for name, it in WATCHED.items() if it["Type"] in ("AWS::CloudWatch::Alarm", "AWS::Budgets::Budget")}
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


def test_an_alarm_bears_its_name_and_names_its_runbook() -> None:
    for alarm in ALARMS - {"Budget"}:
        properties = WATCHED[alarm]["Properties"]
        assert properties["AlarmName"] == {"Fn::Sub": f"taskflow-${{Stage}}-{alarm}"}
        assert properties["AlarmDescription"].endswith(f". docs/runbooks/{table()[alarm]}")


def test_the_how_to_says_of_each_alarm_when_it_goes_off() -> None:
    how_to = (CHECKOUT / "docs" / "how-to" / "watch-it.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", how_to, re.MULTILINE))
    assert rows.keys() == ALARMS
    for alarm in ALARMS - {"Budget", "DatabaseConnections", "DatabaseStorage"}:
        threshold, periods = (WATCHED[alarm]["Properties"][key] for key in ("Threshold", "EvaluationPeriods"))
        assert not threshold or f"{threshold:,}" in rows[alarm], alarm
        assert periods == 1 or re.search(r"for \d+ minutes", rows[alarm]), alarm


def test_every_runbook_is_in_the_table() -> None:
    text = (RUNBOOKS / "README.md").read_text()
    assert [path.name for path in FILES if f"({path.name})" not in text] == []


@pytest.mark.parametrize("runbook", FILES, ids=lambda path: path.stem)
def test_a_runbook_has_its_sections_in_order_and_says_where_it_was_tried(runbook: Path) -> None:
    text = runbook.read_text()
    assert [title for title in re.findall(r"^## (.+)$", text, re.MULTILINE) if title in SECTIONS] == SECTIONS
    assert re.fullmatch(r"Tried: .+\. Not tried: .+\.", text.rstrip().splitlines()[-1])
