"""How every command explains itself: a summary, what it does, and examples, in 80 columns whatever the terminal."""

import argparse
import difflib
import textwrap
from collections.abc import Mapping, Sequence

from samlet.cli.selection import Commands

COLUMNS = 80


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Leaves examples as they were written, and wraps the options."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=COLUMNS - 1, max_help_position=28)


def add_command(
    commands: Commands, name: str, summary: str, *, about: str = "", examples: str = ""
) -> argparse.ArgumentParser:
    """Add a command; `about` is wrapped, `examples` (a command a line) stand as they are."""
    text = textwrap.fill(f"{summary[0].upper()}{summary[1:]}. {about}".strip(), COLUMNS - 1)
    epilog = "examples:\n" + textwrap.indent(textwrap.dedent(examples).strip(), "  ") if examples else None
    return commands.add_parser(name, help=summary, description=text, epilog=epilog, formatter_class=Formatter)


def refuse_unknown(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """End with status 2 where a word that should be a command is none, and name the one that it is nearest to."""
    for word in words:
        choices = commands_of(parser)
        if not choices or word.startswith("-"):
            return
        if word not in choices:
            near = difflib.get_close_matches(word, choices, 1, cutoff=0.5)
            parser.error(f"there is no command {word!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        parser = choices[word]


def commands_of(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    """The commands below a parser, by name."""
    below = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return next((action.choices for action in below), {})
