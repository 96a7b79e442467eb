"""The handbook lists what the command line and the environment offer."""

import argparse
import re
import shlex
from collections.abc import Iterator

import pytest

from samlet.agent import __main__ as agent
from samlet.cli import main
from samlet.cli.usage import COLUMNS, commands_of
from servers import CHECKOUT

HANDBOOK = (CHECKOUT / "local" / "README.md").read_text()
EVERYWHERE = {"-h", "--help", "--version", "-t", "--template", "--template-file", "--config"}


def commands(parser: argparse.ArgumentParser, name: str = "samlet") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    below = commands_of(parser)
    if not below or parser.get_default("run"):  # `events` shows records without a verb, and has verbs
        yield name, parser
    for choice, chosen in below.items():
        yield from commands(chosen, f"{name} {choice}")


def options(parser: argparse.ArgumentParser) -> set[str]:
    return {option for action in parser._actions for option in action.option_strings} - EVERYWHERE


def test_every_command_has_a_row_with_all_its_options() -> None:
    rows = {
        row.split("|")[1]: row for row in re.findall(r"^\| `samlet .*$", HANDBOOK.replace("\\|", "/"), re.MULTILINE)
    }
    for name, parser in commands(main._parser()):
        (row,) = [row for usage, row in rows.items() if re.search(rf"`{name}(?![a-z-]| [a-z])", usage)]
        assert options(parser) <= set(re.findall(r"--?[a-z-]+", row)), name


def test_every_option_of_the_agent_is_told() -> None:
    section = HANDBOOK.partition("## Functions in containers")[2]
    assert options(agent._parser()) <= set(re.findall(r"--[a-z-]+", section))


def test_every_setting_is_told() -> None:
    read = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', (CHECKOUT / "local" / "samlet" / "settings.py").read_text()))
    assert len(read) > 15
    assert {name for name in read if f"`{name}`" not in HANDBOOK} == set()


def test_every_help_text_has_examples_and_fits_80_columns() -> None:
    shown = {name: parser.format_help() for name, parser in [("samlet", main._parser()), *commands(main._parser())]}
    assert {name for name, text in shown.items() if max(map(len, text.splitlines())) > COLUMNS} == set()
    assert {name for name, text in shown.items() if f"examples:\n  {name}" not in text} - {"samlet"} == set()


def test_examples_are_understood(capsys: pytest.CaptureFixture[str]) -> None:
    for _, parser in commands(main._parser()):
        examples = re.findall(r"(?:^|[|] )\s*(samlet .*?)(?: +#.*| [|<>].*)?$", parser.epilog or "", re.MULTILINE)
        for words in (shlex.split(example)[1:] for example in examples):
            main._parser().parse_args(words)


def test_samlet_alone_lists_every_command_once_by_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main([]) == 0
    listed = re.findall(r"^  ([a-z][a-z-]+)  ", capsys.readouterr().out, re.MULTILINE)
    assert sorted(listed) == sorted(commands_of(main._parser()))


@pytest.mark.parametrize(
    ("words", "meant"), [(["shedule"], "schedule"), (["schedule", "lst"], "list"), (["validte", "--json"], "validate")]
)
def test_an_unknown_command_names_the_nearest(capsys: pytest.CaptureFixture[str], words: list[str], meant: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main(words)
    assert ended.value.code == 2
    assert f"did you mean '{meant}'?" in capsys.readouterr().err


def test_every_section_of_the_handbook_is_in_its_list_of_contents() -> None:
    sections = re.findall(r"^## (.+)$", HANDBOOK, re.MULTILINE)[1:]
    listed = re.findall(r"\[([^\]]+)\]\(#[a-z-]+\)", HANDBOOK.partition("In this file:")[2].partition("\n\n")[0])
    assert listed == sections


def test_options_before_a_verb_of_events_count_as_those_after_it() -> None:
    before = main._parser().parse_args(["events", "--topic", "orders", "--json", "--config", "c.toml", "follow"])
    after = main._parser().parse_args(["events", "follow", "--topic", "orders", "--json", "--config", "c.toml"])
    assert vars(before) == vars(after)
    assert (before.topic, before.json, before.follow, str(before.config)) == ("orders", True, True, "c.toml")
    assert main._parser().parse_args(["events", "produce", "x"]).topic == "events"
    assert not main._parser().parse_args(["events"]).follow
