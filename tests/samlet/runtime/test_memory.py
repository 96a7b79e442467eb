"""The memory limit, met by functions that really take memory."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from functions_on_the_spot import MakeFunction, Running
from samlet.runtime import memory
from samlet.runtime.memory import descendants, held
from waiting import eventually

MEGABYTE = 1024 * 1024
KILLED = "Runtime exited with error: signal: killed"


def told(outcome: Any) -> Any:
    return json.loads(outcome.payload)


def report_of(outcome: Any) -> str:
    tail: bytes = outcome.log_tail
    return tail.decode().splitlines()[-1]


async def test_more_memory_than_configured_kills_the_process_and_the_report_says_out_of_memory(
    make: MakeFunction, running: Running
) -> None:
    source = """
        import time
        def handler(event, context):
            held = b"x" * (event * 1024 * 1024)
            time.sleep(30 if event > 100 else 0)
            return len(held)
    """
    async with running(make(source, memory=128, timeout=20)) as functions:
        outcome = await functions.invoke("Echo", b"300")
        assert told(outcome) == {
            "errorType": "Runtime.ExitError",
            "errorMessage": f"RequestId: {outcome.request_id} Error: {KILLED}",
        }
        assert report_of(outcome).endswith("Status: error\tError Type: Runtime.OutOfMemory")
        assert f"{KILLED}\nRuntime.ExitError\nEND" in outcome.log_tail.decode()
        assert told(await functions.invoke("Echo", b"1")) == MEGABYTE


async def test_a_peak_between_two_looks_counts_where_the_kernel_keeps_the_highest_mark(
    make: MakeFunction, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "POLL", 60.0)
    source = """
        def handler(event, context):
            return len(b"x" * (200 * 1024 * 1024))
    """
    async with running(make(source, memory=128)) as functions:
        outcome = await functions.invoke("Echo", b"0")
        answer = told(outcome)
    if sys.platform == "linux":
        assert KILLED in answer["errorMessage"]
    else:
        assert answer == 200 * MEGABYTE


async def test_the_memory_of_children_counts(make: MakeFunction, running: Running) -> None:
    source = """
        import subprocess, sys
        def handler(event, context):
            program = "import time; held = b'x' * (300 * 1024 * 1024); time.sleep(30)"
            return subprocess.run([sys.executable, "-c", program]).returncode
    """
    async with running(make(source, memory=256, timeout=20)) as functions:
        outcome = await functions.invoke("Echo", b"0")
        assert KILLED in told(outcome)["errorMessage"]
        assert outcome.memory_used >= 256


async def test_the_memory_of_a_child_that_another_thread_has_started_counts(
    make: MakeFunction, running: Running
) -> None:
    source = """
        import subprocess, sys, threading
        def handler(event, context):
            program = "import time; held = b'x' * (300 * 1024 * 1024); time.sleep(30)"
            thread = threading.Thread(target=subprocess.run, args=([sys.executable, "-c", program],))
            thread.start()
            thread.join()
    """
    async with running(make(source, memory=256, timeout=20)) as functions:
        outcome = await functions.invoke("Echo", b"0")
        assert KILLED in told(outcome)["errorMessage"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no files tell of a process")
def test_no_file_of_a_process_stays_open_once_it_is_followed_no_more() -> None:
    limit = memory.MemoryLimit(512, lambda: None)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for _ in range(3):
        limit.follow(os.getpid())
    limit.follow(0)  # which is nobody's
    limit.follow(os.getpid())
    limit.forget()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


async def test_pages_that_forked_children_share_count_once(make: MakeFunction, running: Running) -> None:
    source = """
        import os, time
        held = b"x" * (150 * 1024 * 1024)
        def handler(event, context):
            children = []
            for _ in range(3):
                child = os.fork()
                if child == 0:
                    time.sleep(1)
                    os._exit(0)
                children.append(child)
            return [os.waitpid(child, 0)[1] for child in children]
    """
    async with running(make(source, memory=256)) as functions:
        outcome = await functions.invoke("Echo", b"0")
        assert told(outcome) == [0, 0, 0], "four times 150 MB, were they counted apiece"
        assert 150 <= outcome.memory_used <= 256


async def test_an_initialisation_over_the_memory_limit_is_killed_before_its_time_is_over(
    make: MakeFunction, running: Running, tmp_path: Path
) -> None:
    source = """
        import os, time
        held = b"x" * (300 * 1024 * 1024)
        time.sleep(4)
        open(os.environ["LIVED_ON"], "w").close()
        time.sleep(30)
    """
    mark = tmp_path / "mark"
    function = make(source, memory=128, timeout=9, environment={"LIVED_ON": str(mark)})
    async with running(function) as functions:
        outcome = await functions.invoke("Echo", b"0")
        assert KILLED in told(outcome)["errorMessage"]
        assert "Phase: invoke\tStatus: error\tError Type: Runtime.OutOfMemory" in outcome.log_tail.decode()
    assert not mark.exists()


async def test_the_report_tells_of_the_most_that_the_process_has_held(make: MakeFunction, running: Running) -> None:
    source = """
        def handler(event, context):
            return len(b"x" * (event * 1024 * 1024))
    """
    async with running(make(source, memory=512)) as functions:
        used = [(await functions.invoke("Echo", event)).memory_used for event in (b"1", b"100", b"1")]
        assert used[0] < 90
        assert 100 < used[1] < 200
        assert used[2] >= used[1], "it never goes down while the process lives"


async def test_what_children_have_held_is_remembered_when_they_are_gone(make: MakeFunction, running: Running) -> None:
    source = """
        import subprocess, sys
        def handler(event, context):
            program = "import time; held = b'x' * (150 * 1024 * 1024); time.sleep(1)"
            return subprocess.run([sys.executable, "-c", program]).returncode if event else 0
    """
    async with running(make(source, memory=512)) as functions:
        during, after = [(await functions.invoke("Echo", event)).memory_used for event in (b"1", b"0")]
    assert during > 150
    assert after == during


def test_what_a_process_tree_holds_is_the_sum_of_it() -> None:
    inner = "import time; held = b'x' * (80 * 1024 * 1024); print(flush=True); time.sleep(60)"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    with subprocess.Popen([sys.executable, "-c", outer], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            process.stdout.readline()
            children = eventually(lambda: descendants(process.pid))
            assert len(children) == 1
            assert 80 * MEGABYTE < held(process.pid, 0) <= held(process.pid, 10**12) < 200 * MEGABYTE
        finally:
            for child in descendants(process.pid):
                os.kill(child, 9)
            process.kill()
