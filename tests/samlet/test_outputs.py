"""What Samlet prints to is no code, directly or behind a pipeline, for as long as it is printed to."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from samlet.emulator.outputs import Outputs
from waiting import eventually

NONE: frozenset[Path] = frozenset()

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


@contextmanager
def printing_to(descriptor: int) -> Iterator[None]:
    before = os.dup(1)
    os.dup2(descriptor, 1)
    try:
        yield
    finally:
        os.dup2(before, 1)
        os.close(before)


@contextmanager
def printing_into(command: str) -> Iterator[None]:
    """Our output goes into a shell's pipeline, until the block is left."""
    with subprocess.Popen(["sh", "-c", command], stdin=subprocess.PIPE) as pipeline:
        assert pipeline.stdin
        with printing_to(pipeline.stdin.fileno()):
            yield
        pipeline.stdin.close()


def test_the_file_behind_our_own_output_is_no_code(tmp_path: Path) -> None:
    output, code = tmp_path / "output.txt", tmp_path / "app.py"
    code.touch()
    with output.open("w") as file, printing_to(file.fileno()):
        assert Outputs().left_out(frozenset({output, code})) == {code}


@pytest.mark.parametrize("pipeline", ["exec tee {}", "grep --line-buffered . | tee {}", "cat >{}"])
def test_what_a_pipeline_behind_our_output_writes_is_no_code(tmp_path: Path, pipeline: str) -> None:
    output, code, outputs = tmp_path / "output.txt", tmp_path / "app.py", Outputs()
    code.touch()
    with printing_into(pipeline.format(output)):
        os.write(1, b"a line\n")
        eventually(lambda: output.exists() and output.read_bytes() == b"a line\n")
        assert outputs.left_out(frozenset({output, code})) == {code}
        assert outputs.left_out(frozenset({output})) == NONE


def test_a_file_counts_as_soon_as_the_program_that_reads_our_output_has_closed_it(tmp_path: Path) -> None:
    code, outputs = tmp_path / "app.py", Outputs()
    script = f"exec 3>{code}; read word; exec 3>&-; touch {tmp_path}/closed; cat >/dev/null"
    with printing_into(script):
        eventually(code.exists)
        assert outputs.left_out(frozenset({code})) == NONE
        os.write(1, b"close\n")
        eventually((tmp_path / "closed").exists)
        assert outputs.left_out(NONE) == {code}
        assert outputs.left_out(NONE) == NONE
        assert outputs.left_out(frozenset({code})) == {code}


def test_what_another_program_writes_is_code(tmp_path: Path) -> None:
    code = tmp_path / "app.py"
    with code.open("w"), printing_into("exec cat >/dev/null"):
        assert Outputs().left_out(frozenset({code})) == {code}


def test_what_a_program_writes_that_prints_where_we_do_is_code(tmp_path: Path) -> None:
    code, began = tmp_path / "app.py", tmp_path / "began"
    with printing_into("exec cat >/dev/null"):
        script = f"exec 3>{code}; touch {began}; read word"
        with subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE) as neighbour:
            eventually(began.exists)
            assert Outputs().left_out(frozenset({code})) == {code}
            neighbour.communicate(b"end\n")


def test_what_the_program_behind_our_output_only_reads_is_code(tmp_path: Path) -> None:
    code, began = tmp_path / "app.py", tmp_path / "began"
    code.touch()
    with printing_into(f"exec 3<{code}; touch {began}; cat >/dev/null"):
        eventually(began.exists)
        assert Outputs().left_out(frozenset({code})) == {code}


def test_a_deleted_file_is_told(tmp_path: Path) -> None:
    gone = frozenset({tmp_path / "app.py"})
    assert Outputs().left_out(gone) == gone
