"""What a deploy speaks to, pretended: moto, stubs where moto knows nothing, and a terminal that answers."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber
from moto.cloudformation.models import cloudformation_backends

import stacks
from deploy.aws import Aws
from deploy.faults import Declined, Stopped
from deploy.stacks import Stacks
from deploy.stages import Stage
from deploy.templates import Template
from deploy.up import Deployment

ACCOUNT = "123456789012"
API = "https://abc.execute-api.eu-central-1.amazonaws.com"
MIGRATION = "taskflow-dev-migrate-MigrateFunction-1"
BROKERS = "b-2.example:9096,b-1.example:9096"
# moto can't expand SAM, and observability.yaml is all about what is not there: of these only what they give is made.
PRETENDED = ("migrate", "service", "observability")
GIVEN = {"MigrateFunctionName": MIGRATION, "ApiUrl": API}


def client(service: str) -> Any:
    factory: Any = boto3.client  # the installed stubs know Lambda alone
    return factory(service, stacks.REGION)


class CloudFormation:
    """moto's, which forgets the outputs of a stack that a change set made: so execution creates or updates it."""

    def __init__(self, stage: Stage) -> None:
        self._moto = client("cloudformation")
        self._parts = {stage.stack(part): part for part in (*stacks.NAMES, *PRETENDED)}
        self._asked: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, str]] = []  # operation and what it was about
        self.executed: list[dict[str, Any]] = []
        self.updated: list[dict[str, Any]] = []

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            self.calls.append((operation, arguments.get("StackName") or arguments.get("ChangeSetName", "")))
            return getattr(self._moto, operation)(**arguments)

        return call

    def get_paginator(self, operation: str) -> Any:
        self.calls.append((operation, ""))
        return self._moto.get_paginator(operation)

    def create_change_set(self, **arguments: Any) -> Any:
        self.calls.append(("create_change_set", arguments["StackName"]))
        adapted = {**arguments, "TemplateBody": self._body(arguments)}
        made = self._moto.create_change_set(**adapted)
        self._asked[made["Id"]] = {**adapted, "Asked": arguments}
        return made

    def describe_change_set(self, **arguments: Any) -> Any:
        self.calls.append(("describe_change_set", ""))
        shown = self._moto.describe_change_set(**arguments)
        return {**shown, "StackId": self._asked[arguments["ChangeSetName"]]["StackName"]}

    def execute_change_set(self, **arguments: Any) -> None:
        self.calls.append(("execute_change_set", ""))
        asked = self._asked[arguments["ChangeSetName"]]
        self.executed.append(asked["Asked"])
        given = {key: asked[key] for key in ("StackName", "TemplateBody", "Parameters", "Capabilities")}
        if asked["ChangeSetType"] == "UPDATE":
            self._moto.update_stack(**given)
        else:
            self._moto.delete_stack(StackName=asked["StackName"])
            self._moto.create_stack(**given)

    def update_stack(self, **arguments: Any) -> None:
        """Only written down: moto can't update a stack that has a resource under a condition."""
        self.calls.append(("update_stack", arguments["StackName"]))
        self.updated.append(arguments)
        self.set_state(arguments["StackName"], "UPDATE_COMPLETE")

    def delete_stack(self, **arguments: Any) -> None:
        """moto can't take a network apart: only its stack goes."""
        self.calls.append(("delete_stack", arguments["StackName"]))
        if self._parts[arguments["StackName"]] != "network":
            self._moto.delete_stack(**arguments)
            return
        backend = cloudformation_backends[ACCOUNT][stacks.REGION]
        stack = backend.get_stack(arguments["StackName"])
        stack.status = "DELETE_COMPLETE"
        backend.deleted_stacks[stack.stack_id] = backend.stacks.pop(stack.stack_id)

    def set_state(self, stack: str, state: str) -> None:
        """What moto never comes to by itself."""
        cloudformation_backends[ACCOUNT][stacks.REGION].get_stack(stack).status = state

    def _body(self, arguments: dict[str, Any]) -> str:
        part = self._parts[arguments["StackName"]]
        given = {it["ParameterKey"]: it["ParameterValue"] for it in arguments["Parameters"]}
        if part not in PRETENDED:
            return json.dumps(stacks.for_moto(part, given))
        topic = {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": json.dumps(given)}}
        gives = ["DashboardUrl"] if part == "observability" else json.loads(arguments["TemplateBody"])["Outputs"]
        outputs = {name: {"Value": GIVEN.get(name, f"the-{name}")} for name in gives}
        return json.dumps(
            {
                "Parameters": {key: {"Type": "String"} for key in given},
                "Resources": {"Topic": topic},
                "Outputs": outputs,
            }
        )


@dataclass
class Person:
    """Stands at the terminal, and says yes unless told otherwise."""

    declines: str = ""
    types: str = ""
    lines: list[str] = field(default_factory=list)

    def say(self, line: str) -> None:
        self.lines.append(line)

    def confirm(self, question: str, *, ask_anyway: bool = False) -> None:
        self.lines.append(question)
        if self.declines and self.declines in question:
            raise Declined("no")

    def type_out(self, question: str, word: str) -> None:
        self.lines.append(question)
        if self.types != word:
            raise Declined("no")


@dataclass
class Workshop:
    """In place of SAM and the smoke test."""

    deployment: "Pretended"
    template: Template
    works: bool = True
    layer: tuple[str, ...] = ("/opt/rds-ca.pem",)
    bucket: str | None = None

    def is_in_layer(self, path: str) -> bool:
        return path in self.layer

    def package(self, prefix: str, bucket: str | None) -> Template:
        self.bucket = bucket
        self.deployment.events.append(f"package {prefix}")
        return self.template

    def smoke(self, url: str) -> None:
        self.deployment.events.append(f"smoke {url}")
        if not self.works:
            raise Stopped(f"{url} does not work")


class Pretended:
    """A deployment of a stage to a pretended account; `events` is what happened, in order."""

    def __init__(self, stage: Stage, template: Template) -> None:
        self.stage = stage
        self.events: list[str] = []
        self.cloudformation = CloudFormation(stage)
        self.cloudfront, self.kafka, self.functions = client("cloudfront"), client("kafka"), client("lambda")
        self.s3, self.secrets = client("s3"), client("secretsmanager")
        self.person = Person()
        self.tools = Workshop(self, template)
        self.operations: set[str] = set()  # of all services but CloudFormation, as IAM calls them
        self._listen()

    def aws(self) -> Aws:
        cloudformation: Any = self.cloudformation
        return Aws(
            account=ACCOUNT,
            region=stacks.REGION,
            cloudformation=cloudformation,
            cloudfront=self.cloudfront,
            functions=self.functions,
            kafka=self.kafka,
            s3=self.s3,
            secrets=self.secrets,
        )

    def stacks(self) -> Stacks:
        person: Any = self.person
        return Stacks(self.aws().cloudformation, person, pause=_never)

    def deploy(self, *, migration: Any = None, service_only: bool = False) -> None:
        """Run it once, with what MigrateFunction answers."""
        person: Any = self.person
        tools: Any = self.tools
        answer = migration or {"revision": "0001", "topics": ["events"]}
        failed = {"FunctionError": "Unhandled"} if "errorMessage" in answer else {}
        payload = json.dumps(answer).encode()
        with Stubber(self.kafka) as kafka, Stubber(self.functions) as functions, Stubber(self.cloudfront) as cloudfront:
            kafka.add_response(
                "get_bootstrap_brokers", {"BootstrapBrokerStringSaslScram": BROKERS}, {"ClusterArn": ANY}
            )
            functions.add_response(
                "invoke",
                {"StatusCode": 200, "Payload": StreamingBody(io.BytesIO(payload), len(payload)), **failed},
                {"FunctionName": MIGRATION, "Qualifier": "live", "Payload": b"{}"},
            )
            invalidation = {"Id": "I1", "Status": "Completed", "CreateTime": 0}
            batch = {"Paths": {"Quantity": 1, "Items": ["/*"]}, "CallerReference": "x"}
            cloudfront.add_response(
                "create_invalidation",
                {"Location": "l", "Invalidation": {**invalidation, "InvalidationBatch": batch}},
                {
                    "DistributionId": "gone-Distribution",
                    "InvalidationBatch": {"Paths": batch["Paths"], "CallerReference": ANY},
                },
            )
            cloudfront.add_response(
                "get_invalidation",
                {"Invalidation": {**invalidation, "InvalidationBatch": batch}},
                {"DistributionId": "gone-Distribution", "Id": "I1"},
            )
            deployment = Deployment(self.stage, self.aws(), self.stacks(), person, tools)
            deployment.run(service_only=service_only)

    def page(self, bucket: str) -> list[str]:
        return [it["Key"] for it in self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]

    def executed(self) -> list[str]:
        """Stacks that were created or updated, in order."""
        return [asked["StackName"] for asked in self.cloudformation.executed]

    def given(self, stack: str) -> dict[str, str]:
        """The parameters that a stack was last given."""
        (*_, asked) = [asked for asked in self.cloudformation.executed if asked["StackName"] == stack]
        return {it["ParameterKey"]: it["ParameterValue"] for it in asked["Parameters"]}

    def _listen(self) -> None:
        def note(event_name: str, **about: Any) -> None:
            _, service, operation = event_name.split(".")
            self.operations.add(f"{service.replace('-', '')}:{operation}")
            if operation in ("Invoke", "PutObject", "CreateInvalidation") and self.events[-1:] != [operation]:
                self.events.append(operation)

        for each in (self.cloudfront, self.kafka, self.functions, self.s3, self.secrets):
            each.meta.events.register("provide-client-params.*.*", note)


def _never(_seconds: float) -> None:
    raise AssertionError("moto is done at once")
