"""The handbook lists what the command line and the environment offer."""

import argparse
import re
from collections.abc import Iterator

from samlet.agent import __main__ as agent
from samlet.cli import main
from servers import CHECKOUT

HANDBOOK = (CHECKOUT / "local" / "README.md").read_text()
EVERYWHERE = {"-h", "--help", "--version", "--template", "--config"}


def commands(parser: argparse.ArgumentParser, name: str = "samlet") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield name, parser
    for choice, chosen in (pair for action in below for pair in action.choices.items()):
        yield from commands(chosen, f"{name} {choice}")


def options(parser: argparse.ArgumentParser) -> set[str]:
    return {option for action in parser._actions for option in action.option_strings} - EVERYWHERE


def test_every_command_has_a_row_with_all_its_options() -> None:
    rows = {
        row.split("|")[1]: row for row in re.findall(r"^\| `samlet .*$", HANDBOOK.replace("\\|", "/"), re.MULTILINE)
    }
    for name, parser in commands(main._parser()):
        (row,) = [row for usage, row in rows.items() if re.search(rf"`{name}\b", usage)]
        assert options(parser) <= set(re.findall(r"--[a-z-]+", row)), name


def test_every_option_of_the_agent_is_told() -> None:
    section = HANDBOOK.partition("## Functions in containers")[2]
    assert options(agent._parser()) <= set(re.findall(r"--[a-z-]+", section))


def test_every_setting_is_told() -> None:
    read = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', (CHECKOUT / "local" / "samlet" / "settings.py").read_text()))
    assert len(read) > 15
    assert {name for name in read if f"`{name}`" not in HANDBOOK} == set()
