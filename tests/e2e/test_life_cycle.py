"""How the whole system starts, refuses to start, ends and comes back."""

import os
import signal
import time

import psutil
import pytest

from e2e.system import System
from e2e.user import User
from survivors import survivors
from waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


def family(system: System) -> list[psutil.Process]:
    assert system.process is not None
    parent = psutil.Process(system.process.pid)
    return [parent, *parent.children(recursive=True)]


def test_data_survives_a_restart_and_ctrl_c_ends_everything_within_5_s(own_system: System) -> None:
    own_system.start()
    user = User(own_system)
    task = user.add("still here")
    eventually(lambda: [*own_system.events(user.id)], timeout=30, every=0.2)
    processes = family(own_system)

    started = time.monotonic()
    own_system.stop(signal.SIGINT)
    assert time.monotonic() - started < 5
    assert survivors(processes) == []

    own_system.start()
    with own_system.api() as client:
        tokens = client.post("/auth/login", json={"email": user.email, "password": user.password}).json()
    assert own_system.api(tokens["access_token"]).get(f"/tasks/{task['id']}").json() == task
    assert "task.created" in {event["value"]["type"] for event in own_system.events(user.id)}


def test_after_kill_9_of_the_parent_no_process_is_left_and_the_next_start_works(own_system: System) -> None:
    own_system.start()
    processes = family(own_system)
    assert own_system.process is not None
    os.kill(own_system.process.pid, signal.SIGKILL)
    own_system.process.wait()
    eventually(lambda: survivors(processes) == [], timeout=20)
    own_system.start()


def test_a_second_start_on_the_same_state_folder_is_a_clear_error(system: System) -> None:
    second = System(system.state)
    out = second.samlet("up", check=False)
    assert out == ""
    assert system.ready(), "the first one is not disturbed"
