"""CloudFormation in states that moto never comes to: failed, half done, busy."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from deploy.faults import Stopped
from deploy.stacks import Stacks
from deploy.terminal import Terminal

NAME = "taskflow-dev-data"
ARN = f"arn:aws:cloudformation:eu-central-1:123456789012:stack/{NAME}/1"
CHANGE_SET = "arn:aws:cloudformation:eu-central-1:123456789012:changeSet/deploy-1/1"
THEN = datetime(2026, 1, 1, tzinfo=UTC)
DATABASE = {"Action": "Modify", "LogicalResourceId": "Database", "ResourceType": "AWS::RDS::DBInstance"}


class Aws:
    """Answers in the order in which they were scripted; an answer that was not asked for fails the test."""

    def __init__(self) -> None:
        factory: Any = boto3.client
        self.client = factory(
            "cloudformation", "eu-central-1", aws_access_key_id="testing", aws_secret_access_key="testing"
        )
        self.stubber = Stubber(self.client)
        self.pauses = 0

    def stacks(self, *, yes: bool = True) -> Stacks:
        def pause(_seconds: float) -> None:
            self.pauses += 1

        return Stacks(self.client, Terminal(yes=yes), pause=pause)

    def state(self, *states: str | None) -> None:
        for state in states:
            if state is None:
                self.stubber.add_client_error("describe_stacks", "ValidationError", f"Stack {NAME} does not exist")
                continue
            stack = {"StackName": NAME, "StackId": ARN, "StackStatus": state, "CreationTime": THEN}
            self.stubber.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": ANY})

    def events(self, *events: tuple[str, str, str]) -> None:
        found = [
            {"EventId": f"{name} {status}", "LogicalResourceId": name, "ResourceStatus": status,
             "ResourceStatusReason": reason, "StackId": ARN, "StackName": NAME, "Timestamp": THEN}
            for name, status, reason in events
        ]  # fmt: skip
        self.stubber.add_response("describe_stack_events", {"StackEvents": found})

    def change_set(self, kind: str, *changes: dict[str, Any], status: str = "CREATE_COMPLETE", **more: Any) -> None:
        self.stubber.add_response(
            "create_change_set",
            {"Id": CHANGE_SET, "StackId": ARN},
            {"StackName": NAME, "ChangeSetName": ANY, "ChangeSetType": kind, "TemplateBody": "{}", "Parameters": [],
             "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]},
        )  # fmt: skip
        self.described(*changes, Status=status, **more)

    def described(self, *changes: dict[str, Any], **more: Any) -> None:
        shown = [{"Type": "Resource", "ResourceChange": change} for change in changes]
        self.stubber.add_response(
            "describe_change_set", {"ChangeSetId": CHANGE_SET, "StackId": ARN, "Changes": shown, **more}
        )

    def executed(self) -> None:
        about = {"ChangeSetName": CHANGE_SET, "RetainExceptOnCreate": True}
        self.stubber.add_response("execute_change_set", {}, about)

    def deleted(self, what: str) -> None:
        about = {"StackName": NAME} if what == "stack" else {"ChangeSetName": CHANGE_SET}
        self.stubber.add_response(f"delete_{what}", {}, about)


@pytest.fixture
def aws() -> Iterator[Aws]:
    scripted = Aws()
    with scripted.stubber:
        yield scripted
        scripted.stubber.assert_no_pending_responses()


def test_a_failure_is_told_by_its_cause_and_not_by_what_it_brought_down(aws: Aws) -> None:
    aws.state(None)
    aws.change_set("CREATE")
    aws.events()
    aws.executed()
    aws.state("CREATE_IN_PROGRESS")
    aws.events(("Settings", "CREATE_FAILED", "Resource creation cancelled"))
    aws.state("ROLLBACK_COMPLETE")
    aws.events(
        ("Database", "CREATE_FAILED", "db.x is not offered"),
        ("Settings", "CREATE_FAILED", "Resource creation cancelled"),
    )
    with pytest.raises(Stopped, match=r"ROLLBACK_COMPLETE: Database: db\.x is not offered\."):
        aws.stacks().apply(NAME, "{}", {})
    assert aws.pauses == 1


@pytest.mark.parametrize("state", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"])
def test_what_a_failed_creation_left_is_cleared_away_first(aws: Aws, state: str) -> None:
    aws.state(state, state, state)
    aws.events()
    aws.deleted("stack")
    aws.state("DELETE_COMPLETE")
    aws.events()
    aws.change_set("CREATE")
    aws.events()
    aws.executed()
    aws.state("CREATE_COMPLETE")
    aws.events()
    aws.state("CREATE_COMPLETE")
    assert aws.stacks().apply(NAME, "{}", {}) == {}


def test_what_an_earlier_run_has_begun_is_waited_for(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.state("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
    aws.events()
    aws.state("UPDATE_COMPLETE")
    aws.events()
    aws.change_set("UPDATE", status="FAILED", StatusReason="The submitted information didn't contain changes.")
    aws.deleted("change_set")
    aws.state("UPDATE_COMPLETE")
    aws.stacks().apply(NAME, "{}", {})
    assert capsys.readouterr().out.splitlines() == [
        f"{NAME}: waiting for what was begun earlier (UPDATE_IN_PROGRESS)",
        f"{NAME}: nothing to change",
    ]


def test_an_empty_stack_that_an_interrupted_run_left_is_created(aws: Aws) -> None:
    aws.state("REVIEW_IN_PROGRESS")
    aws.change_set("CREATE", status="CREATE_PENDING")
    aws.described(Status="CREATE_COMPLETE")
    aws.events()
    aws.executed()
    aws.state("CREATE_COMPLETE")
    aws.events()
    aws.state("CREATE_COMPLETE")
    aws.stacks().apply(NAME, "{}", {})


@pytest.mark.parametrize(
    ("state", "remedy"),
    [("UPDATE_ROLLBACK_FAILED", "aws cloudformation continue-update-rollback"), ("DELETE_FAILED", "make destroy")],
)
def test_a_stack_that_nothing_can_be_done_with_comes_with_a_remedy(aws: Aws, state: str, remedy: str) -> None:
    aws.state(state)
    with pytest.raises(Stopped, match=remedy):
        aws.stacks().apply(NAME, "{}", {})


def test_a_change_that_cloudformation_refuses_is_told_with_its_reason(aws: Aws) -> None:
    aws.state("CREATE_COMPLETE")
    aws.change_set("UPDATE", status="FAILED", StatusReason="Transform failed.")
    aws.deleted("change_set")
    with pytest.raises(Stopped, match=r"refuses the change: Transform failed\."):
        aws.stacks().apply(NAME, "{}", {})


def test_all_pages_of_a_change_set_are_shown(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.state("CREATE_COMPLETE")
    aws.change_set("UPDATE", {**DATABASE, "Replacement": "False"}, NextToken="more")
    aws.described({**DATABASE, "LogicalResourceId": "Settings", "Action": "Add"}, Status="CREATE_COMPLETE")
    aws.events()
    aws.executed()
    aws.state("UPDATE_COMPLETE")
    aws.events()
    aws.state("UPDATE_COMPLETE")
    aws.stacks().apply(NAME, "{}", {})
    assert capsys.readouterr().out.splitlines() == [
        f"{NAME}: update, 2 changes",
        "  ~ Database (AWS::RDS::DBInstance)",
        "  + Settings (AWS::RDS::DBInstance)",
    ]


@pytest.mark.parametrize("change", [{"Replacement": "True"}, {"Replacement": "Conditional"}, {"Action": "Remove"}])
def test_a_database_is_never_given_up_by_yes_1(aws: Aws, change: dict[str, str]) -> None:
    aws.state("CREATE_COMPLETE")
    aws.change_set("UPDATE", DATABASE | change)
    aws.deleted("change_set")
    with pytest.raises(Stopped, match="nobody is there to answer"):
        aws.stacks(yes=True).apply(NAME, "{}", {})


def test_a_deletion_that_fails_says_why_and_that_it_may_be_tried_again(aws: Aws) -> None:
    aws.state("CREATE_COMPLETE", "CREATE_COMPLETE")
    aws.events()
    aws.deleted("stack")
    aws.state("DELETE_FAILED")
    aws.events(("FunctionGroup", "DELETE_FAILED", "has a dependent object"))
    with pytest.raises(Stopped, match=r"FunctionGroup: has a dependent object. .* run the same command again"):
        aws.stacks().delete(NAME)


def test_a_parameter_that_is_set_already_is_left_alone(aws: Aws) -> None:
    aws.state("UPDATE_COMPLETE", "UPDATE_COMPLETE")
    aws.events()
    aws.stubber.add_client_error("update_stack", "ValidationError", "No updates are to be performed.")
    aws.stacks().set_parameter(NAME, "DeletionProtection", "false")


@pytest.mark.parametrize("state", ["ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS", "DELETE_FAILED"])
def test_a_stack_that_was_never_finished_keeps_its_parameters(aws: Aws, state: str) -> None:
    aws.state(state, state)
    aws.stacks().set_parameter(NAME, "DeletionProtection", "false")


def test_a_template_that_is_too_long_is_refused_before_aws_does(aws: Aws) -> None:
    with pytest.raises(Stopped, match="longer than 51200 bytes"):
        aws.stacks().apply(NAME, " " * 51_201, {})
