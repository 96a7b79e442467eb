"""What traces cost a function: `PYTHONPATH=tests .venv/bin/python -m benchmarks.traces`.

Each import is a process of its own, with and without a collector in turn; what is told is the median of the CPU's time.
"""

import os
import subprocess
import sys
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
DOORS = ("meta", "outbox_relay", "nightly_digest", "mail_sender")
RUNS = 9
IMPORT = """
import time
began = time.process_time()
import {door}.handler
took = time.process_time() - began
pages = int(open("/proc/self/statm").read().split()[1])
print(took * 1000, pages * 4096 / 1e6)
"""
SPANS = """
import time
from taskflow import traces
traces.start("bench")
began = time.process_time()
for number in range(2000):
    attributes = traces.message_attributes("create", "events", str(number))
    with traces.span("create events", "producer", parent="00-{trace}-{span}-{flags}", attributes=attributes):
        pass
print((time.process_time() - began) / 2000 * 1e6)
"""


def figures(code: str, endpoint: str = "") -> list[float]:
    """What a fresh interpreter prints."""
    paths = os.pathsep.join(str(ROOT / folder) for folder in ("layers/common/python", "functions"))
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": paths, "TRACES_ENDPOINT": endpoint}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.split()]


def main() -> None:
    nobody = "http://127.0.0.1:9"  # nothing is sent: what is measured is over before
    print("| function | import without (CPU) | with | memory without | with |\n|---|---|---|---|---|")
    for door in DOORS:
        pairs = [(figures(IMPORT.format(door=door)), figures(IMPORT.format(door=door), nobody)) for _ in range(RUNS)]
        (time_off, memory_off), (time_on, memory_on) = (
            (median(it) for it in zip(*runs, strict=True)) for runs in zip(*pairs, strict=True)
        )
        print(f"| {door} | {time_off:.0f} ms | {time_on:.0f} ms | {memory_off:.0f} MB | {memory_on:.0f} MB |")
    print("\n| a span | costs |\n|---|---|")
    for what, endpoint, flags in (
        ("recorded", nobody, "01"),
        ("not kept", nobody, "00"),
        ("without a collector", "", "01"),
    ):
        code = SPANS.format(trace="a" * 32, span="b" * 16, flags=flags)
        print(f"| {what} | {median(figures(code, endpoint)[0] for _ in range(RUNS)):.0f} µs |")


if __name__ == "__main__":
    main()
