"""CloudFormation: shows a change set, executes it, follows it, and says in one line why it failed."""

import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from deploy.faults import Stopped
from deploy.terminal import Terminal

_PAUSE = 5.0
_LONGEST_TEMPLATE = 51_200  # bytes that CloudFormation takes without a bucket in between
_FAILED_CREATION = ("CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED")
_NOTHING_TO_DO = ("didn't contain changes", "No updates are to be performed")
_CANCELLED = "cancelled"  # what CloudFormation says of resources that fail because of another one
# What can't be had back when it is removed or replaced: asked for even with YES=1.
_PRECIOUS = ("AWS::RDS::DBInstance", "AWS::MSK::Cluster", "AWS::SecretsManager::Secret", "AWS::KMS::Key")
_SIGNS = {"Add": "+", "Modify": "~", "Remove": "-", "Import": ">", "Dynamic": "?"}


@dataclass
class Stacks:
    """The stacks of one account and region."""

    client: Any
    terminal: Terminal
    pause: Callable[[float], None] = time.sleep
    _seen: set[str] = field(default_factory=set)

    def outputs(self, name: str) -> dict[str, str]:
        """What a stack gives; nothing where it is not there or not made yet."""
        found = self._find(name)
        return {it["OutputKey"]: it["OutputValue"] for it in found.get("Outputs", [])} if found else {}

    def parameters(self, name: str) -> dict[str, str]:
        """What a stack was last given."""
        found = self._find(name) or {}
        return {it["ParameterKey"]: it["ParameterValue"] for it in found.get("Parameters", [])}

    def exists(self, name: str) -> bool:
        """Whether there is a stack, in whatever state."""
        return self._find(name) is not None

    def apply(self, name: str, template: str, parameters: Mapping[str, str], role: str | None = None) -> dict[str, str]:
        """Create or update a stack, once its change set was shown and agreed to; gives its outputs."""
        if len(template.encode()) > _LONGEST_TEMPLATE:
            raise Stopped(f"{name}: its template is longer than {_LONGEST_TEMPLATE} bytes. Split it.")
        kind = "UPDATE" if self._ready(name) else "CREATE"
        changes = self._change_set(name, kind, template, parameters, role)
        if changes is None:
            self.terminal.say(f"{name}: nothing to change")
            return self.outputs(name)
        self._agree(name, kind, changes)
        self._remember_events(name)
        self.client.execute_change_set(ChangeSetName=changes["ChangeSetId"], RetainExceptOnCreate=True)
        status, failures = self._follow(changes["StackId"])
        if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise Stopped(f"{name} ended as {status}: {_cause(failures)}. Mend that, then run the same command again.")
        return self.outputs(name)

    def set_parameter(self, name: str, parameter: str, value: str) -> None:
        """Change one parameter of a stack and nothing else; one that was never finished has nothing to change."""
        status = self._settle(name)
        stack = self._find(name)
        if stack is None or status in ("REVIEW_IN_PROGRESS", "DELETE_FAILED", *_FAILED_CREATION):
            return
        given = [
            {"ParameterKey": key, "ParameterValue": value} if key == parameter else
            {"ParameterKey": key, "UsePreviousValue": True}
            for key in (it["ParameterKey"] for it in stack.get("Parameters", []))
        ]  # fmt: skip
        self._remember_events(name)
        try:
            self.client.update_stack(
                StackName=name, UsePreviousTemplate=True, Parameters=given, Capabilities=["CAPABILITY_IAM"]
            )
        except ClientError as error:
            if _nothing_to_do(str(error)):
                return
            raise
        status, failures = self._follow(stack["StackId"])
        if status != "UPDATE_COMPLETE":
            raise Stopped(f"{name} ended as {status}: {_cause(failures)}. Mend that, then run the same command again.")

    def delete(self, name: str) -> None:
        """Delete a stack and wait until it is gone."""
        self._settle(name)
        stack = self._find(name)
        if stack is None:
            return
        self.terminal.say(f"{name}: deleting")
        self._remember_events(name)
        self.client.delete_stack(StackName=name)
        status, failures = self._follow(stack["StackId"])
        if status != "DELETE_COMPLETE":
            raise Stopped(
                f"{name} ended as {status}: {_cause(failures)}. Network interfaces of functions need up to an hour "
                "to go; run the same command again then."
            )

    # --- on the way -----------------------------------------------------------------------------------------------

    def _ready(self, name: str) -> bool:
        """Whether there is a stack to update; what is left of a creation that failed is cleared away."""
        status = self._settle(name)
        if status in _FAILED_CREATION:
            self.terminal.say(f"{name}: its creation failed earlier ({status}), so nothing is in it")
            self.delete(name)
            return False
        if status == "DELETE_FAILED":
            raise Stopped(f"{name} is half deleted. Finish that first, with make destroy.")
        if status == "UPDATE_ROLLBACK_FAILED":
            raise Stopped(
                f"{name} could not go back after an update that failed. Mend what its events name, then: "
                f"aws cloudformation continue-update-rollback --stack-name {name}"
            )
        return status not in (None, "REVIEW_IN_PROGRESS")

    def _settle(self, name: str) -> str | None:
        """Wait for what somebody else, or an earlier run, has begun; gives the state."""
        stack = self._find(name)
        if stack is None or not _moves(stack["StackStatus"]):
            return None if stack is None else str(stack["StackStatus"])
        self.terminal.say(f"{name}: waiting for what was begun earlier ({stack['StackStatus']})")
        status, _ = self._follow(stack["StackId"])
        return None if status == "DELETE_COMPLETE" else status

    def _change_set(
        self, name: str, kind: str, template: str, parameters: Mapping[str, str], role: str | None
    ) -> dict[str, Any] | None:
        """A change set with all its changes; None when there are none."""
        try:
            made = self.client.create_change_set(
                StackName=name,
                ChangeSetName=f"deploy-{uuid.uuid4().hex}",
                ChangeSetType=kind,
                TemplateBody=template,
                Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
                Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
                **({"RoleARN": role} if role else {}),
            )
        except ClientError as error:
            if _nothing_to_do(str(error)):
                return None
            raise
        while (shown := self._describe_change_set(made["Id"]))["Status"] in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            self.pause(_PAUSE)
        if shown["Status"] == "CREATE_COMPLETE":
            return shown
        self.client.delete_change_set(ChangeSetName=made["Id"])
        if _nothing_to_do(reason := shown.get("StatusReason", "")):
            return None
        raise Stopped(
            f"{name}: CloudFormation refuses the change: {reason} Mend that, then run the same command again."
        )

    def _describe_change_set(self, change_set: str) -> dict[str, Any]:
        page: dict[str, Any] = self.client.describe_change_set(ChangeSetName=change_set)
        changes = list(page.get("Changes", []))
        whole = page
        while token := page.get("NextToken"):
            page = self.client.describe_change_set(ChangeSetName=change_set, NextToken=token)
            changes += page.get("Changes", [])
        return {**whole, "Changes": [change["ResourceChange"] for change in changes]}

    def _agree(self, name: str, kind: str, change_set: Mapping[str, Any]) -> None:
        changes = change_set["Changes"]
        self.terminal.say(f"{name}: {'create' if kind == 'CREATE' else 'update'}, {len(changes)} changes")
        for change in changes:
            self.terminal.say(f"  {_line(change)}")
        precious = any(change["ResourceType"] in _PRECIOUS and _takes_away(change) for change in changes)
        if precious:
            self.terminal.say(f"{name}: THIS REMOVES OR REPLACES WHAT CAN'T BE HAD BACK")
        try:
            self.terminal.confirm(f"Execute this on {name}?", ask_anyway=precious)
        except (Stopped, KeyboardInterrupt):
            self.client.delete_change_set(ChangeSetName=change_set["ChangeSetId"])
            if kind == "CREATE":
                self.client.delete_stack(StackName=name)  # an empty one was made for the change set
            raise

    def _follow(self, stack_id: str) -> tuple[str, list[str]]:
        """Print what happens until it has ended; gives the state and what failed, with reasons."""
        failures: list[str] = []
        while True:
            status = str(self.client.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"])
            for event in self._new_events(stack_id):
                state, reason = event["ResourceStatus"], event.get("ResourceStatusReason", "")
                if state.endswith("_FAILED"):
                    failures.append(f"{event['LogicalResourceId']}: {reason or state}")
                if not state.endswith("_IN_PROGRESS"):
                    self.terminal.say(f"  {state} {event['LogicalResourceId']}")
            if not _moves(status):
                return status, failures
            self.pause(_PAUSE)

    def _new_events(self, stack: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for page in self.client.get_paginator("describe_stack_events").paginate(StackName=stack):
            fresh = [event for event in page["StackEvents"] if event["EventId"] not in self._seen]
            found += fresh
            if len(fresh) < len(page["StackEvents"]):  # newest first: what comes after is known
                break
        self._seen.update(event["EventId"] for event in found)
        return found[::-1]

    def _remember_events(self, name: str) -> None:
        self._new_events(name)

    def _find(self, name: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self.client.describe_stacks(StackName=name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        return found


def _moves(status: str) -> bool:
    return status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS"


def _nothing_to_do(reason: str) -> bool:
    return any(words in reason for words in _NOTHING_TO_DO)


def _takes_away(change: Mapping[str, Any]) -> bool:
    return change["Action"] == "Remove" or change.get("Replacement") in ("True", "Conditional")


def _line(change: Mapping[str, Any]) -> str:
    replaced = {"True": ", REPLACED", "Conditional": ", perhaps replaced"}.get(change.get("Replacement", ""), "")
    return f"{_SIGNS.get(change['Action'], '?')} {change['LogicalResourceId']} ({change['ResourceType']}){replaced}"


def _cause(failures: Iterable[str]) -> str:
    """The first failure that is none of the others' consequences."""
    known = list(failures)
    return next((it for it in known if _CANCELLED not in it), next(iter(known), "its events say why"))
