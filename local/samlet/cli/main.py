"""The door of the command line: finds the command, runs it, and turns whatever goes wrong into one clear line."""

import argparse
import os
import sys
from collections.abc import Sequence

from samlet import __version__
from samlet.cli import (
    completion,
    doctor,
    events,
    execute,
    generate_event,
    invoke,
    logs,
    mails,
    reset,
    schedule,
    secrets,
    start,
    up,
    validate,
)
from samlet.cli.usage import Formatter, commands_of, parsed
from samlet.errors import SamletError, WrongUsage

_WRONG_USAGE, _INTERRUPTED = 2, 130
_GROUPS = {
    "run": (up, start, invoke, schedule),
    "look": (logs, mails, events),
    "check": (validate, doctor),
    "make": (generate_event, secrets, completion),
    "more": (execute, reset),
}
_EPILOG = """\
`samlet COMMAND --help` shows a command's options, with examples.
Exit codes: 0 done, 1 failed (a line says why), 2 wrong usage, 130 interrupted."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 on success, 1 when it failed, 2 for wrong usage, 130 when interrupted."""
    words = sys.argv[1:] if argv is None else list(argv)
    parser = _parser()
    completion.answer(parser)
    if not words:
        parser.print_help()
        return 0
    arguments = parsed(parser, words)
    try:
        status = int(arguments.run(arguments))
        sys.stdout.flush()
    except SamletError as error:
        print(f"samlet: {error}", file=sys.stderr)
        return _WRONG_USAGE if isinstance(error, WrongUsage) else 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        _write_no_more()  # the reader (head, say) has gone
        return 1
    except OSError as error:
        print(f"samlet: {error}", file=sys.stderr)
        _write_no_more()
        return 1
    return status


def _write_no_more() -> None:
    """Without this, flushing standard output at exit would complain once more where it is a closed pipe or full."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="samlet",
        usage="samlet [-h] [--version] COMMAND ...",
        description="Runs the functions, HTTP API, schedules and Kafka sources of a template here.",
        formatter_class=Formatter,
    )
    parser.add_argument("--version", action="version", version=f"samlet {__version__}")
    # Listed by group in the epilog instead.
    commands = parser.add_subparsers(prog="samlet", required=True, metavar="COMMAND", help=argparse.SUPPRESS)
    listed = []
    for title, modules in _GROUPS.items():
        known = set(commands_of(parser))
        for module in modules:
            module.register(commands)
        listed.append(f"{title}:")
        listed += [
            f"  {action.dest:<16}{action.help}" for action in commands._choices_actions if action.dest not in known
        ]
    parser.epilog = "\n".join([*listed, "", _EPILOG])
    return parser


if __name__ == "__main__":
    sys.exit(main())
