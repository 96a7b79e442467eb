"""The state folder: one Samlet at a time, secrets that stay, and a reset that takes no more than data."""

import base64
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from samlet.errors import StateInUse
from samlet.state import Running, State

HOLDER = """
import sys
from pathlib import Path
from samlet.state import State
state = State(Path(sys.argv[1]))
with state.lock():
    state.publish({"console": "http://127.0.0.1:9"})
    print("held", flush=True)
    sys.stdin.read()
"""


def hold(folder: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_one_is_refused_with_the_pid_and_address_of_the_first(tmp_path: Path) -> None:
    with hold(tmp_path) as other:
        with pytest.raises(StateInUse) as caught:
            State(tmp_path).lock()
        assert f"pid {other.pid}, console http://127.0.0.1:9" in str(caught.value)
        assert "SAMLET_STATE_DIR" in str(caught.value)
        other.kill()


def test_a_killed_one_leaves_no_lock_and_counts_as_not_running(tmp_path: Path) -> None:
    with hold(tmp_path) as other:
        assert State(tmp_path).running() == Running(other.pid, {"console": "http://127.0.0.1:9"})
        other.kill()
        other.wait()
    assert (tmp_path / "running.json").exists()
    assert State(tmp_path).running() is None
    with State(tmp_path).lock():
        pass


def test_nobody_runs_on_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    assert State(tmp_path / "none").running() is None


def test_leaving_forgets_who_ran(tmp_path: Path) -> None:
    state = State(tmp_path)
    with state.lock():
        state.publish({"api": "http://127.0.0.1:1"})
        assert state.running() == Running(os.getpid(), {"api": "http://127.0.0.1:1"})
    assert state.running() is None
    assert not (tmp_path / "running.json").exists()


def test_secrets_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    state = State(tmp_path)
    first = state.secrets(["a", "b"])
    assert first["a"] != first["b"]
    assert state.secrets(["b", "c"])["b"] == first["b"]
    assert State(tmp_path).secrets(["a"]) == {"a": first["a"]}
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600


def test_a_secret_is_32_bytes_in_base64_of_either_alphabet(tmp_path: Path) -> None:
    secret = State(tmp_path).secrets(["a"])["a"]
    assert len(base64.b64decode(secret, validate=True)) == 32
    assert base64.b64decode(secret) == base64.urlsafe_b64decode(secret)


def test_reset_deletes_data_and_keeps_what_was_fetched_or_installed(tmp_path: Path) -> None:
    state = State(tmp_path)
    for name in ("postgres", "kafka", "downloads", "environments"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("x")
    state.secrets(["a"])
    with state.lock():
        state.reset()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["downloads", "environments", "lock"]


def test_reset_follows_no_link_out_of_the_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("x")
    folder = tmp_path / "state"
    state = State(folder)
    with state.lock():
        (folder / "mail").symlink_to(outside)
        state.reset()
    assert (outside / "file").exists()
    assert not (folder / "mail").exists()
