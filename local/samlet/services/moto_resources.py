"""Makes resources of a template in moto, by a CloudFormation stack for each, so that one refusal costs one resource.

The few types that moto's CloudFormation leaves out, but whose services it has, are made by the services' own calls.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from samlet.aws_calls import AwsCalls, CallFailed
from samlet.errors import ResourceRefused
from samlet.log import say
from samlet.model import MadeResource, Push, WantedResource
from samlet.services import moto_pushes, moto_subscriptions
from samlet.services.moto_contents import contents

# Without a name in the template, the logical id is it: AWS's would be another one at every start.
_NAME_PROPERTIES = {
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Events::EventBus": "Name",
    "AWS::Kinesis::Stream": "Name",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SecretsManager::Secret": "Name",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SSM::Parameter": "Name",
}
_DELIVERIES = {"sqs", "http", "https", "email", "email-json", "sms", "firehose"}
_LOST = {
    "AWS::Kinesis::Stream": "its records are gone",
    "AWS::KMS::Key": "what was encrypted with it cannot be read any more",
}
_REMEDY = "empty it and save the template again, or start Samlet anew"
_UNKNOWN = "is none by which topics deliver here"


class MotoResources:
    """The resources of one template; what is unchanged since the last time stays as it is, with what is in it."""

    def __init__(self, calls: AwsCalls, account: str) -> None:
        self._calls = calls
        self._account = account
        self._made: dict[str, tuple[WantedResource, MadeResource]] = {}
        self._orphans: set[str] = set()  # of these, what is no longer in the template

    @property
    def names(self) -> Mapping[str, str]:
        """What each resource is called, by logical id."""
        return {logical_id: made.ref for logical_id, (_, made) in self._made.items()}

    def make(self, wanted: WantedResource) -> MadeResource:
        """Make a resource, unless it is there already; raises ResourceRefused."""
        known = self._made.get(wanted.logical_id)
        if known is None:
            made = self._make(wanted)
        else:
            before, made = known
            if _lasting(before) == _lasting(wanted):
                made = self._changed(before, wanted, made)
            elif held := contents(self._calls, before.type, made.ref):
                # Not noted as made: the next change of the template tries again.
                return replace(made, notes=(*made.notes, f"stays as it was, since it holds {held}: {_REMEDY}"))
            else:
                if lost := _LOST.get(before.type):
                    say("moto", f"{wanted.logical_id} has other properties and is made anew: {lost}", level="warning")
                made = self._made_anew(before, wanted, made)
        self._made[wanted.logical_id] = (wanted, made)
        return made

    def keep_only(self, logical_ids: frozenset[str]) -> None:
        """Delete what the template no longer has, unless it holds something."""
        self._orphans &= self._made.keys() - logical_ids
        for logical_id in self._made.keys() - logical_ids - self._orphans:
            if logical_id not in self._made:  # a topic takes its subscriptions with it
                continue
            before, made = self._made[logical_id]
            if held := contents(self._calls, before.type, made.ref):
                self._orphans.add(logical_id)
                say(
                    "moto",
                    f"{logical_id} is not in the template any more; it stays, since it holds {held}",
                    level="warning",
                )
            else:
                self._delete(logical_id)

    def make_again(self) -> None:
        """Make everything anew, in the same order, in a moto that has forgotten all."""
        for wanted, _ in list(self._made.values()):
            try:
                self._made[wanted.logical_id] = (wanted, self._make(wanted))
            except ResourceRefused as refused:
                say("moto", f"{wanted.logical_id} is not there any more: {refused}", level="error")
                del self._made[wanted.logical_id]

    def _made_anew(self, before: WantedResource, wanted: WantedResource, old: MadeResource) -> MadeResource:
        """What has other properties; a topic that keeps its name keeps who subscribed to it, too."""
        others: Sequence[Mapping[str, Any]] = ()
        if wanted.type == "AWS::SNS::Topic":
            known = {arn for _, made in self._made.values() for arn in (made.ref, *(one.origin for one in made.pushes))}
            others = moto_subscriptions.of_others(self._calls, before, old, known)
        self._delete(wanted.logical_id)
        made = self._make(wanted)
        for subscription in others if made.ref == old.ref else ():
            try:
                _subscription(self._calls, subscription)
            except CallFailed as failure:
                moto_subscriptions.say_lost(wanted.logical_id, subscription, str(failure))
        return made

    def _make(self, wanted: WantedResource) -> MadeResource:
        properties, notes = adapted(wanted)
        try:
            if wanted.type == "AWS::SNS::Subscription" and wanted.pushes:
                pushes = moto_pushes.connect_topic(
                    self._calls, self._account, str(properties["TopicArn"]), wanted.pushes
                )
                return MadeResource(pushes[0].origin, pushes=pushes)
            direct = _DIRECT.get(wanted.type)
            made = direct(self._calls, properties) if direct else self._by_stack(wanted, properties)
            pushes = self._connected(wanted, made.ref) if wanted.pushes else ()
        except CallFailed as failure:
            raise ResourceRefused(f"moto cannot make it: {failure}") from failure
        return MadeResource(made.ref, made.attributes, (*notes, *made.notes), pushes)

    def _connected(self, wanted: WantedResource, ref: str) -> tuple[Push, ...]:
        connect = moto_pushes.connect_bucket if wanted.type == "AWS::S3::Bucket" else moto_pushes.connect_topic
        return connect(self._calls, self._account, ref, wanted.pushes)

    def _changed(self, before: WantedResource, wanted: WantedResource, made: MadeResource) -> MadeResource:
        """What stays, with what is in it, and is asked for other attributes or has something else for functions."""
        if before.attributes != wanted.attributes:
            made = self._asked_otherwise(wanted, made)
        if (before.properties, before.pushes) != (wanted.properties, wanted.pushes):
            made = self._told_otherwise(wanted, made)
        return made

    def _asked_otherwise(self, wanted: WantedResource, made: MadeResource) -> MadeResource:
        if wanted.type in _DIRECT:
            return made  # it tells all that it has
        properties, notes = adapted(wanted)
        resource = {wanted.logical_id: {"Type": wanted.type, "Properties": properties}}
        told = self._told(wanted, resource)
        return replace(told, ref=made.ref, notes=(*notes, *told.notes), pushes=made.pushes)

    def _told_otherwise(self, wanted: WantedResource, made: MadeResource) -> MadeResource:
        """A bucket that stays, with what is in it, and has something else for functions."""
        try:
            pushes = self._connected(wanted, made.ref)
            kept = {push.queue for push in pushes}
            moto_pushes.disconnect(self._calls, self._account, [old for old in made.pushes if old.queue not in kept])
        except CallFailed as failure:
            raise ResourceRefused(f"moto cannot change it: {failure}") from failure
        return replace(made, pushes=pushes)

    def _by_stack(self, wanted: WantedResource, properties: Mapping[str, Any]) -> MadeResource:
        resource = {wanted.logical_id: {"Type": wanted.type, "Properties": properties}}
        stack = _stack(wanted.logical_id)
        self._calls.query("cloudformation", "CreateStack", StackName=stack, TemplateBody=_body(resource))
        answer = self._calls.query("cloudformation", "DescribeStackResources", StackName=stack)
        ref = answer.findtext(".//PhysicalResourceId")
        if not ref:
            raise ResourceRefused(f"moto has nothing that stands in for {wanted.type}")
        told = self._told(wanted, resource)
        if wanted.type == "AWS::SQS::Queue":
            # Moto names AWS's own host there, until a client asks for the URL.
            ref = f"{self._calls.url}/{self._account}/{ref.rpartition('/')[2]}"
        return replace(told, ref=ref)

    def _told(self, wanted: WantedResource, resource: Mapping[str, Any]) -> MadeResource:
        """What a resource that is there says of itself, without what `Ref` gives."""
        properties, told = resource[wanted.logical_id]["Properties"], self._attributes(wanted, resource)
        # Moto answers some with nothing, though the template says them.
        said = {name: value for name in wanted.attributes if isinstance(value := properties.get(name), str)}
        attributes = said | told
        unknown = ", ".join(name for name in sorted(wanted.attributes - attributes.keys()) if not name.endswith("Arn"))
        notes = (f"moto knows no attribute {unknown}: a stand-in is given",) if unknown else ()
        return MadeResource("", attributes, notes)

    def _attributes(self, wanted: WantedResource, resource: Mapping[str, Any]) -> dict[str, str]:
        """The attributes that moto knows: one that it doesn't would fail all, so then each is asked for alone."""
        names, stack = sorted(wanted.attributes), _stack(wanted.logical_id)
        if not names:
            return {}
        try:
            return self._outputs(wanted.logical_id, resource, stack, names)
        except CallFailed:
            found: dict[str, str] = {}
            for name in names:
                try:
                    found |= self._outputs(wanted.logical_id, resource, stack, [name])
                except CallFailed:
                    continue
            return found

    def _outputs(self, logical_id: str, resource: Mapping[str, Any], stack: str, names: list[str]) -> dict[str, str]:
        outputs = {f"A{number}": {"Value": {"Fn::GetAtt": [logical_id, name]}} for number, name in enumerate(names)}
        self._calls.query("cloudformation", "UpdateStack", StackName=stack, TemplateBody=_body(resource, outputs))
        answer = self._calls.query("cloudformation", "DescribeStacks", StackName=stack)
        told = {member.findtext("OutputKey"): member.findtext("OutputValue") for member in answer.iter("member")}
        return {name: value for number, name in enumerate(names) if (value := told.get(f"A{number}"))}

    def _delete(self, logical_id: str) -> None:
        wanted, made = self._made.pop(logical_id)
        try:
            moto_pushes.disconnect(self._calls, self._account, made.pushes)
            if wanted.type == "AWS::SecretsManager::Secret":
                given = {"SecretId": made.ref, "ForceDeleteWithoutRecovery": True}
                self._calls.json("secretsmanager", "secretsmanager.DeleteSecret", given)
            elif wanted.type == "AWS::SNS::Subscription" and made.pushes:
                pass  # it was nothing else
            elif wanted.type == "AWS::SNS::Subscription":
                self._calls.query("sns", "Unsubscribe", SubscriptionArn=made.ref)
            elif wanted.type == "AWS::Events::EventBus":
                self._calls.json("events", "AWSEvents.DeleteEventBus", {"Name": made.ref})
            else:
                self._calls.query("cloudformation", "DeleteStack", StackName=_stack(logical_id))
        except CallFailed as failure:
            raise ResourceRefused(f"moto cannot make it anew: {failure}") from failure
        if wanted.type == "AWS::SNS::Topic":
            for name, (other, _) in list(self._made.items()):
                if other.type == "AWS::SNS::Subscription" and other.properties.get("TopicArn") == made.ref:
                    self._delete(name)


def adapted(wanted: WantedResource) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The properties as moto can take them, and what of them was left out."""
    properties = dict(wanted.properties)
    notes: list[str] = []
    if name := _NAME_PROPERTIES.get(wanted.type):
        properties.setdefault(name, wanted.name)
    if wanted.type == "AWS::S3::Bucket":
        properties.pop("NotificationConfiguration", None)
    if wanted.type == "AWS::SNS::Topic" and isinstance(properties.get("Subscription"), list):
        others = [item for item in properties["Subscription"] if not _is_function(item)]
        refusals = [_undelivered(item) for item in others]
        properties["Subscription"] = [item for item, why in zip(others, refusals, strict=True) if not why]
        notes += [f"Subscription: {why}" for why in refusals if why]
    if wanted.type == "AWS::SNS::Subscription" and not _is_function(properties) and (why := _undelivered(properties)):
        raise ResourceRefused(why)
    return properties, tuple(notes)


def _lasting(wanted: WantedResource) -> WantedResource:
    """A resource without what can change while it stays: what it is asked for and what a bucket tells others."""
    wanted = replace(wanted, attributes=frozenset())
    if wanted.type != "AWS::S3::Bucket":
        return wanted
    kept = {name: value for name, value in wanted.properties.items() if name != "NotificationConfiguration"}
    return replace(wanted, properties=kept, pushes=())


def _is_function(subscription: Any) -> bool:
    return isinstance(subscription, dict) and str(subscription.get("Protocol")).lower() == "lambda"


def _undelivered(subscription: Any) -> str | None:
    """Why a topic would deliver nothing that way."""
    given = subscription if isinstance(subscription, dict) else {}
    protocol, endpoint = str(given.get("Protocol")), str(given.get("Endpoint"))
    if protocol.lower() not in _DELIVERIES:
        return f"Protocol: {protocol} {_UNKNOWN}"
    if protocol.lower() == "sqs" and endpoint.split(":")[2:3] != ["sqs"]:
        return f"Endpoint: Protocol {protocol} needs the ARN of a queue, not {endpoint}"
    return None


def _secret(calls: AwsCalls, properties: Mapping[str, Any]) -> MadeResource:
    text = properties.get("SecretString")
    generated = properties.get("GenerateSecretString")
    if isinstance(generated, dict):
        words = {
            key: value for key, value in generated.items() if key not in ("SecretStringTemplate", "GenerateStringKey")
        }
        password = calls.json("secretsmanager", "secretsmanager.GetRandomPassword", words)["RandomPassword"]
        text = password
        if "GenerateStringKey" in generated:
            content = json.loads(generated.get("SecretStringTemplate") or "{}")
            text = json.dumps({**content, generated["GenerateStringKey"]: password})
    given = {"Name": properties["Name"], "SecretString": text if text is not None else ""}
    arn = calls.json("secretsmanager", "secretsmanager.CreateSecret", given)["ARN"]
    return MadeResource(arn, {"Id": arn})


def _subscription(calls: AwsCalls, properties: Mapping[str, Any]) -> MadeResource:
    given = {key: str(properties[key]) for key in ("TopicArn", "Protocol", "Endpoint") if key in properties}
    number = 0
    for key in ("RawMessageDelivery", "FilterPolicy", "FilterPolicyScope", "RedrivePolicy"):
        if key in properties:
            number += 1
            value = properties[key]
            given[f"Attributes.entry.{number}.key"] = key
            given[f"Attributes.entry.{number}.value"] = json.dumps(value) if not isinstance(value, str) else value
    answer = calls.query("sns", "Subscribe", **given)
    return MadeResource(answer.findtext(".//SubscriptionArn") or "")


def _event_bus(calls: AwsCalls, properties: Mapping[str, Any]) -> MadeResource:
    name = str(properties["Name"])
    arn = calls.json("events", "AWSEvents.CreateEventBus", {"Name": name})["EventBusArn"]
    return MadeResource(name, {"Arn": arn, "Name": name})


_DIRECT: dict[str, Callable[[AwsCalls, Mapping[str, Any]], MadeResource]] = {
    "AWS::SecretsManager::Secret": _secret,
    "AWS::SNS::Subscription": _subscription,
    "AWS::Events::EventBus": _event_bus,
}


def _stack(logical_id: str) -> str:
    return f"samlet-{logical_id}"


def _body(resources: Mapping[str, Any], outputs: Mapping[str, Any] | None = None) -> str:
    return json.dumps({"Resources": resources, **({"Outputs": outputs} if outputs else {})})
