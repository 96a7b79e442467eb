"""Runs the relay's handler as Lambda would, in this process, for as many seconds as the first argument says."""

import sys
import time

from outbox_relay import handler as door


class Context:
    """A context whose time runs; the handler keeps a reserve of it, so that is added."""

    aws_request_id = "1"

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self._deadline - time.monotonic()) * 1000) + door._RESERVE_MS


if __name__ == "__main__":
    answer = door.handler({}, Context(float(sys.argv[1])))
    sys.stdout.write(f"{answer}\n")
