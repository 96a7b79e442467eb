"""Run as a program: one invocation of `mail_sender` or `nightly_digest` in a process of its own, so that it may die.

Standard input holds {"function": …, "event": …, "seconds": …}; the answer goes to the last line of standard output.
"""

import importlib
import json
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Context:
    """The part of Lambda's context that the functions use."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._ends - time.monotonic()) * 1000))


def main() -> None:
    sys.path[:0] = [str(ROOT / "layers/common/python"), str(ROOT / "functions")]
    call = json.load(sys.stdin)
    handler = importlib.import_module(f"{call['function']}.handler").handler
    answer = handler(call["event"], Context(call["seconds"]))
    sys.stdout.write("\n" + json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
