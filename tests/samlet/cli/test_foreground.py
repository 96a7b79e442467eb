"""What a signal does to a command that runs until one comes."""

import signal
import subprocess
import sys

_PROGRAM = """
import asyncio, os, signal
from samlet.cli.foreground import interruptible

async def interrupted(times):
    try:
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0.01)
        print("cleaned up", flush=True)

async def undisturbed():
    return "done"
"""


def _run(lines: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", _PROGRAM + lines]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_a_signal_lets_the_work_clean_up() -> None:
    done = _run("interruptible(interrupted(1)); print('ended')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "cleaned up\nended\n", "")


def test_a_second_signal_ends_it_also_once_the_loop_is_closed() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        done = _run(f"interruptible(interrupted(1)); os.kill(os.getpid(), {int(number)}); print('too late')")
        assert (done.returncode, done.stdout, done.stderr) == (130, "cleaned up\n", ""), number


def test_what_was_not_interrupted_leaves_signals_as_they_were() -> None:
    done = _run(
        "print(interruptible(undisturbed()), flush=True); os.kill(os.getpid(), signal.SIGTERM); print('too late')"
    )
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "done\n")


def test_a_second_signal_in_pythons_last_steps_is_no_death_by_it() -> None:
    late = """
class Late:
    def __del__(self, kill=os.kill, pid=os.getpid()):
        for number in (1, 2, 15):
            kill(pid, number)

late = Late()
interruptible(interrupted(1))
"""
    done = _run(late)
    assert (done.returncode, done.stdout, done.stderr) == (0, "cleaned up\n", "")


def test_ctrl_c_while_the_command_is_still_loaded_is_quiet() -> None:
    code = """
import runpy, sys
class Impatient:
    def find_spec(self, name, path=None, target=None):
        if name == "samlet.cli.main":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Impatient())
runpy.run_module("samlet", run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (130, "")
