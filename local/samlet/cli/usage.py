"""How every command explains itself: a summary, what it does, and examples, in 80 columns whatever the terminal."""

import argparse
import difflib
import sys
import textwrap
from collections.abc import Mapping, Sequence

from samlet.cli import habits
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


def chosen_command(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of the command that the words begin with.

    Ends with status 2 where a word that should be a command is none, and says what stands for it or what is nearest.
    """
    for word in words:
        choices = commands_of(parser)
        if not choices or word.startswith("-"):
            break
        if word not in choices:
            known = habits.EVENTS if parser.prog.endswith("generate-event") else habits.COMMANDS
            if word in known:
                parser.exit(2, f"samlet: there is no `{word}`: {known[word]}\n")
            near = difflib.get_close_matches(word, choices, 1, cutoff=0.5)
            parser.error(f"there is no command {word!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        parser = choices[word]
    return parser


def parsed(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
    """What the words say; ends with status 2 where they are wrong, and says what stands for another tool's option."""
    command = chosen_command(parser, words)
    arguments, unknown = parser.parse_known_args(words)
    if instead := habits.instead_of(command.prog, unknown):
        parser.exit(2, f"{command.prog}: there is no {instead}\n")
    if unknown:
        command.error(f"unrecognized arguments: {' '.join(unknown)}")
    if told := habits.mistaken(command.prog, words):
        print(f"{command.prog}: {told}", file=sys.stderr)
    return arguments


def commands_of(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    """The commands below a parser, by name."""
    below = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return next((action.choices for action in below), {})
