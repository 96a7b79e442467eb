"""What zizmor and actionlint leave open: each job ends by itself, has its rights named, and runs targets that exist."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((CHECKOUT / ".github" / "workflows").glob("*.yml"))


def loaded(workflow: Path) -> dict[Any, Any]:
    content = yaml.safe_load(workflow.read_text())
    assert isinstance(content, dict)
    return content


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_do_nothing_and_each_job_says_what_it_needs(workflow: Path) -> None:
    content = loaded(workflow)
    assert content["permissions"] == {}
    assert content["concurrency"]["group"]
    for name, job in content["jobs"].items():
        assert "permissions" in job, name
        assert "uses" in job or job["timeout-minutes"] <= 60, name


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_runs_make_targets_that_exist(workflow: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z-]+)", workflow.read_text())) <= targets


def test_credentials_for_aws_are_had_only_behind_an_environment() -> None:
    for workflow in WORKFLOWS:
        for name, job in loaded(workflow)["jobs"].items():
            if "id-token" in job["permissions"]:
                assert "environment" in job, f"{workflow.name}: {name}"


def test_tests_run_with_every_python_that_is_supported() -> None:
    assert loaded(CHECKOUT / ".github/workflows/ci.yml")["jobs"]["test"]["strategy"]["matrix"]["python"] == [
        "3.12",
        "3.13",
    ]


def test_ci_does_not_go_on_without_actionlint() -> None:
    """`make workflows` leaves it out where there is no Go, which is right at home and wrong there."""
    steps = [it.get("run") for it in loaded(CHECKOUT / ".github/workflows/ci.yml")["jobs"]["lint"]["steps"]]
    assert "go version" in steps[: steps.index("make lint")]
