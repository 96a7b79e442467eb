"""`samlet completion` gives each shell what it needs: asked in real shells, as Tab would ask."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from toy import Toy

BASH = """
eval "$(samlet completion bash)"
COMP_WORDS=({words}) COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
COMP_LINE="{line}" COMP_POINT=${{#COMP_LINE}} COMP_TYPE=9
_python_argcomplete samlet
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
FISH = "samlet completion fish | source; complete -C '{line}'"
# Outside the line editor _describe can't show anything, so it prints what it is given: word:description.
ZSH = """
autoload -U is-at-least
compdef() {{ }}
_describe() {{ print -l -- ${{(P)2}} | sed 's/:/ /' }}
eval "$(samlet completion zsh)"
words=({words}) BUFFER="{line}" CURSOR=${{#BUFFER}}
_python_argcomplete
"""


def completed(toy: Toy, shell: str, line: str) -> str:
    script = {"bash": BASH, "fish": FISH, "zsh": ZSH}[shell]
    words = " ".join([*line.split(), *(["''"] if line.endswith(" ") else [])])
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [shell, *(["--norc"] if shell == "bash" else ["-f"] if shell == "zsh" else ["--no-config"]), "-c",
         script.format(line=line, words=words)],
        cwd=toy.folder, env=toy.variables() | {"PATH": path, "HOME": str(toy.folder)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.fixture(params=[shell for shell in ("bash", "zsh", "fish") if shutil.which(shell)])
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("samlet val", ["validate"]),
        ("samlet schedule pa", ["pause"]),
        ("samlet events cr", ["create"]),
        ("samlet invoke --env", ["--env-vars"]),
        ("samlet invoke H", ["Hello"]),
        ("samlet logs --function Ti", ["Tick"]),
        ("samlet schedule run toy-n", ["toy-nightly"]),
    ],
)
def test_commands_options_and_names_of_the_template_are_completed(
    toy: Toy, shell: str, line: str, wanted: list[str]
) -> None:
    assert set(wanted) <= set(completed(toy, shell, line).split())


def test_several_matches_are_all_offered(toy: Toy, shell: str) -> None:
    assert {"list", "next", "pause", "resume", "run"} <= set(completed(toy, shell, "samlet schedule ").split())


def test_a_template_that_cannot_be_read_breaks_no_tab(toy: Toy) -> None:
    (toy.folder / "template.yaml").write_text("Resources: [")
    assert "Traceback" not in completed(toy, "bash", "samlet invoke H")


def test_names_of_the_samlet_that_runs_count_before_the_file(toy: Toy) -> None:
    toy.start()
    (toy.folder / "template.yaml").write_text("Resources: [")
    assert "toy-nightly" in completed(toy, "bash", "samlet schedule run toy-n").split()


def test_another_shell_is_wrong_usage(toy: Toy) -> None:
    assert toy.command("completion", "tcsh").returncode == 2
