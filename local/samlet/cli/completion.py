"""`samlet completion SHELL`: words after Tab, for bash, zsh and fish, with the names that the project knows."""

import argparse
import os
from collections.abc import Callable, Iterable

from samlet.cli import known
from samlet.cli.selection import Commands
from samlet.cli.usage import add_command, commands_of

_SHELLS = ("bash", "zsh", "fish")
_ASKED = "_ARGCOMPLETE"  # the shell's question, by the protocol of argcomplete

type _Names = Callable[[argparse.Namespace], Iterable[str]]

_NAMES: dict[tuple[str, str], _Names] = {
    ("invoke", "function"): known.quick_functions,
    ("logs", "function"): known.quick_functions,
    ("schedule", "name"): known.quick_schedules,
    ("generate-event", "name"): known.quick_schedules,
}


def register(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "completion",
        "print what lets a shell complete samlet's commands",
        about="Functions and schedules are completed from what runs here, else from the template as it is written.",
        examples="""
            samlet completion bash >> ~/.bashrc
            samlet completion zsh >> ~/.zshrc      # after compinit
            samlet completion fish > ~/.config/fish/completions/samlet.fish
        """,
    )
    parser.add_argument("shell", choices=_SHELLS, help="the shell")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the shell's code."""
    from argcomplete import shell_integration  # not at the top: only this and a Tab need it

    print(shell_integration.shellcode(["samlet"], shell=arguments.shell))
    return 0


def answer(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks for completions, and end; return at once where none asks."""
    if _ASKED not in os.environ:
        return
    import argcomplete

    _add_names(parser, "")
    argcomplete.autocomplete(parser)


def _add_names(parser: argparse.ArgumentParser, command: str) -> None:
    for name, below in commands_of(parser).items():
        _add_names(below, command or name)
    for action in parser._actions:
        if names := _NAMES.get((command, action.dest)):
            action.completer = _completer(names)  # type: ignore[attr-defined]  # where argcomplete looks for it


def _completer(names: _Names) -> Callable[..., list[str]]:
    def complete(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
        return [name for name in names(parsed_args) if name.startswith(prefix)]

    return complete
