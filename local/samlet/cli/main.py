"""The door of the command line: finds the command, runs it, and turns whatever goes wrong into one clear line."""

import argparse
import os
import sys
from collections.abc import Sequence

from samlet import __version__
from samlet.cli import events, execute, invoke, mails, reset, schedule, secrets, start, up
from samlet.errors import SamletError

_INTERRUPTED = 130
_COMMANDS = (up, start, invoke, schedule, mails, events, execute, secrets, reset)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 on success, 1 when it failed, 2 for wrong usage, 130 when interrupted."""
    arguments = _parser().parse_args(argv)
    try:
        status = int(arguments.run(arguments))
        sys.stdout.flush()
    except SamletError as error:
        print(f"samlet: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader (head, say) has gone; without this, flushing at exit would complain once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="samlet", description="Runs the functions, HTTP API, schedules and Kafka sources of a SAM template here."
    )
    parser.add_argument("--version", action="version", version=f"samlet {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.register(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
