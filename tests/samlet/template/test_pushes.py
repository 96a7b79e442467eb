"""Topics and buckets that wake functions: what the template asks for, to whom it leads, and what is left out."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from samlet.errors import TemplateError
from samlet.model import MadeResource, Notification, PushMapping, WantedResource
from samlet.template import Template, load

type Making = Callable[..., Template]

FUNCTION = """
    F: {Type: AWS::Lambda::Function, Properties: {Runtime: python3.13, Handler: a.b, Code: code}}
    Node: {Type: AWS::Lambda::Function, Properties: {Runtime: nodejs22.x, Handler: a.b, Code: code}}
    Live: {Type: AWS::Lambda::Alias, Properties: {FunctionName: !Ref F, FunctionVersion: "1", Name: live}}
    News: {Type: AWS::SNS::Topic}
    Fifo: {Type: AWS::SNS::Topic, Properties: {FifoTopic: true, TopicName: a.fifo}}
"""
SAM = """
Transform: AWS::Serverless-2016-10-31
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: a.b
      CodeUri: code
      AutoPublishAlias: live
      Events:
"""
ARN = "arn:aws:lambda:eu-central-1:000000000000:function:"


JOBS = "arn:aws:sqs:eu-central-1:000000000000:jobs"
TOPIC = "arn:aws:sns:eu-central-1:000000000000:"


class Maker:
    """Makes everything, by what was wanted."""

    def make(self, wanted: WantedResource) -> MadeResource:
        arn = f"arn:aws:{wanted.type.split('::')[1].lower()}:eu-central-1:000000000000:{wanted.name}"
        pushes = tuple(replace(push, queue="made") for push in wanted.pushes)
        return MadeResource(arn if ":sns:" in arn else wanted.name, dict.fromkeys(wanted.attributes, arn), (), pushes)

    def keep_only(self, _logical_ids: frozenset[str]) -> None:
        pass


@pytest.fixture
def making(tmp_path: Path) -> Making:
    (tmp_path / "code").mkdir()

    def write_and_load(text: str, head: str = f"Resources:\n{FUNCTION}") -> Template:
        path = tmp_path / "template.yaml"
        path.write_text(dedent(head).rstrip() + "\n" + text)
        return load(path, {}, maker=Maker())

    return write_and_load


def _shown(mappings: tuple[PushMapping, ...]) -> list[tuple[str, str, str, Any]]:
    return [(one.logical_id, one.target, one.push.kind, one.push.filter_policy) for one in mappings]


def _reasons(template: Template) -> list[tuple[str, str]]:
    told = [(part.logical_id, part.reason) for part in template.unsupported]
    return [one for one in told if one[0] != "Node"]


SUBSCRIPTION = (
    "    Link: {Type: AWS::SNS::Subscription, Properties: {TopicArn: !Ref %s, Protocol: lambda, Endpoint: %s%s}}\n"
)
BUCKET = "    B: {Type: AWS::S3::Bucket, Properties: {%s}}\n"
CONFIGURED = BUCKET % "NotificationConfiguration: {LambdaConfigurations: [%s]}"

QUEUED = (
    BUCKET % f"NotificationConfiguration: {{QueueConfigurations: [{{Event: 's3:ObjectAcl:Put', Queue: '{JOBS}'}}]}}"
)


@pytest.mark.parametrize(
    ("endpoint", "more", "mapping"),
    [
        ("!GetAtt F.Arn", "", ("Link", "F", "sns", None)),
        ("!Ref Live", "", ("Link", "F:live", "sns", None)),
        ("!GetAtt F.Arn", ", FilterPolicy: {kind: [a]}", ("Link", "F", "sns", {"kind": ["a"]})),
        ("!GetAtt F.Arn", """, FilterPolicy: '{"kind": ["a"]}'""", ("Link", "F", "sns", {"kind": ["a"]})),
        ("!GetAtt F.Arn", ", FilterPolicy: {}, RawMessageDelivery: false", ("Link", "F", "sns", None)),
    ],
)
def test_a_subscription_leads_to_its_function(making: Making, endpoint: str, more: str, mapping: Any) -> None:
    template = making(SUBSCRIPTION % ("News", endpoint, more))
    assert (_shown(template.push_mappings), _reasons(template)) == ([mapping], [])
    assert template.push_mappings[0].push.queue == "made"


def test_a_topic_subscribes_functions_by_itself_each_once(making: Making) -> None:
    link = "{Protocol: lambda, Endpoint: !GetAtt F.Arn}"
    template = making(f"    T: {{Type: AWS::SNS::Topic, Properties: {{Subscription: [{link}, {link}]}}}}\n")
    assert _shown(template.push_mappings) == [("T-F", "F", "sns", None)]


def test_a_bucket_tells_each_function_of_its_events_by_their_rules(making: Making) -> None:
    rules = "{S3Key: {Rules: [{Name: Prefix, Value: in/}, {Name: suffix, Value: ''}]}}"
    told = [
        f"{{Event: 's3:ObjectCreated:*', Function: !GetAtt F.Arn, Filter: {rules}}}",
        "{Event: 's3:ObjectRemoved:Delete', Function: !Ref Live}",
        "{Event: 's3:ObjectAcl:Put', Function: !GetAtt F.Arn}",
    ]
    template = making(CONFIGURED % ", ".join(told))
    assert [(one.logical_id, one.target) for one in template.push_mappings] == [("B-F", "F"), ("B-F:live", "F:live")]
    assert template.push_mappings[0].push.notifications == (
        Notification("s3:ObjectCreated:*", (("prefix", "in/"),)),
        Notification("s3:ObjectAcl:Put"),
    )
    assert _reasons(template) == []


def test_a_bucket_tells_queues_and_topics_as_well(making: Making) -> None:
    text = BUCKET % (
        "NotificationConfiguration: {QueueConfigurations: [{Event: 's3:ObjectCreated:*', Queue: !GetAtt Jobs.Arn}], "
        "TopicConfigurations: [{Event: 's3:ObjectRemoved:*', Topic: !Ref News}]}"
    )
    template = making(text + "    Jobs: {Type: AWS::SQS::Queue, Properties: {QueueName: jobs}}\n")
    mappings = [(one.logical_id, one.function, one.target) for one in template.push_mappings]
    assert mappings == [("B-sqs:jobs", "", JOBS), ("B-sns:News", "", f"{TOPIC}News")]
    assert _reasons(template) == []


def test_sams_events_are_the_same(making: Making) -> None:
    events = """
        Up: {Type: S3, Properties: {Bucket: !Ref B, Events: [s3:ObjectCreated:Put, s3:ObjectRemoved:*]}}
        News: {Type: SNS, Properties: {Topic: !Ref T, FilterPolicyScope: MessageBody, FilterPolicy: {a: {b: [1]}}}}
        Mine: {Type: SNS, Properties: {Topic: !Ref T, SqsSubscription: true}}
  B: {Type: AWS::S3::Bucket}
  T: {Type: AWS::SNS::Topic}
"""
    template = making(events, SAM)
    assert _shown(template.push_mappings) == [
        ("B-F:live", "F:live", "s3", None),
        ("FNews", "F:live", "sns", {"a": {"b": [1]}}),
    ]
    assert [mapping.function for mapping in template.queue_mappings] == ["F"]
    assert template.unsupported == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (SUBSCRIPTION % ("News", f"{ARN}Other", ""), f"Endpoint: {ARN}Other is no function of this template"),
        (SUBSCRIPTION % ("News", "!GetAtt Node.Arn", ""), "Endpoint: Node cannot be run"),
        (SUBSCRIPTION % ("News", f"{ARN}F:none", ""), "Endpoint: F has no alias or version none"),
        (SUBSCRIPTION % ("Fifo", "!GetAtt F.Arn", ""), "TopicArn: a FIFO topic wakes no function, on AWS neither"),
        (
            SUBSCRIPTION % ("News", "!GetAtt F.Arn", ", RawMessageDelivery: true"),
            "RawMessageDelivery: functions get no raw messages, on AWS neither",
        ),
        (CONFIGURED % f"{{Event: 's3:ObjectCreated:*', Function: '{ARN}G'}}",
         f"NotificationConfiguration: {ARN}G is no function of this template"),
        (CONFIGURED % "{Event: 's3:ObjectTagging:*', Function: !GetAtt F.Arn}",
         "NotificationConfiguration: s3:ObjectTagging:*: moto's buckets do not tell of it as AWS's do"),
        (CONFIGURED % "{Event: 's3:ObjectCreatd:*', Function: !GetAtt F.Arn}",
         "NotificationConfiguration: s3:ObjectCreatd:*: is no event of S3"),
        (CONFIGURED % "{Event: 's3:ObjectCreated:*', Function: !Ref F}",
         "NotificationConfiguration: needs an ARN, not F"),
        (BUCKET % "NotificationConfiguration: {LambdaConfiguration: []}",
         "NotificationConfiguration: LambdaConfiguration: is no property that is known here"),
        (SUBSCRIPTION % ("News", "F", ""), "Endpoint: needs an ARN, not F"),
        (SUBSCRIPTION % ("News", "!Ref News", ""), f"Endpoint: {TOPIC}News is no function of this template"),
        (SUBSCRIPTION.replace("!Ref %s", "%s") % ("News", "!GetAtt F.Arn", ""),
         "TopicArn: needs the ARN of a topic, not News"),
        (QUEUED,
         f"NotificationConfiguration: {JOBS} is no queue or topic that is there"),
        (BUCKET % "NotificationConfiguration: {TopicConfigurations: [{Event: 's3:ObjectCreated:*', Topic: !Ref Fifo}]}",
         f"NotificationConfiguration: {TOPIC}a.fifo: S3 tells no FIFO queue or topic, on AWS neither"),
        (BUCKET % "NotificationConfiguration: {EventBridgeConfiguration: {}}",
         "NotificationConfiguration: EventBridgeConfiguration: there is no local event bus"),
    ],
)  # fmt: skip
def test_what_leads_nowhere_is_listed(making: Making, text: str, reason: str) -> None:
    template = making(text)
    assert (template.push_mappings, [told for _, told in _reasons(template)]) == ((), [reason])


def test_what_a_bucket_with_versions_does_not_tell_is_listed(making: Making) -> None:
    text = CONFIGURED % "{Event: 's3:ObjectCreated:*', Function: !GetAtt F.Arn}"
    template = making(text.replace("Notif", "VersioningConfiguration: {Status: Enabled}, Notif"))
    assert len(template.push_mappings) == 1
    assert [told for _, told in _reasons(template)] == [
        "VersioningConfiguration: events have no versionId, and none comes of a marker that deletes"
    ]


DEAD = "    Dead: {Type: AWS::SQS::Queue, Properties: {QueueName: jobs}}\n"


@pytest.mark.parametrize(
    "policy", ["{deadLetterTargetArn: !GetAtt Dead.Arn}", f'\'{{"deadLetterTargetArn": "{JOBS}"}}\'']
)
def test_what_a_topic_cannot_deliver_to_a_function_goes_to_the_queue_of_its_redrive_policy(
    making: Making, policy: str
) -> None:
    template = making(SUBSCRIPTION % ("News", "!GetAtt F.Arn", f", RedrivePolicy: {policy}") + DEAD)
    assert [mapping.push.dead_letters for mapping in template.push_mappings] == [JOBS]
    assert _reasons(template) == []


@pytest.mark.parametrize("arn", [JOBS, f"{JOBS}.fifo", f"{TOPIC}News"])
def test_a_redrive_policy_that_leads_to_no_queue_is_listed_and_the_function_woken(making: Making, arn: str) -> None:
    text = SUBSCRIPTION % ("News", "!GetAtt F.Arn", f", RedrivePolicy: {{deadLetterTargetArn: '{arn}'}}")
    if arn.endswith(".fifo"):
        text += "    Dead: {Type: AWS::SQS::Queue, Properties: {QueueName: jobs.fifo, FifoQueue: true}}\n"
    template = making(text)
    assert [mapping.push.dead_letters for mapping in template.push_mappings] == [None]
    assert [told for _, told in _reasons(template)] == [f"RedrivePolicy: {arn} is no queue that is there"]


def test_a_redrive_policy_for_another_endpoint_is_listed(making: Making) -> None:
    text = SUBSCRIPTION % ("News", "!GetAtt Dead.Arn", f", RedrivePolicy: {{deadLetterTargetArn: '{JOBS}'}}")
    template = making(text.replace("lambda", "sqs") + DEAD)
    assert _reasons(template) == [("Link", "RedrivePolicy: moto drops what this endpoint does not take")]


@pytest.mark.parametrize(("policy", "words"), [("'{'", "is no JSON"), ("[]", "needs a JSON object"),
                                               ("{maxReceiveCount: 3}", "needs a deadLetterTargetArn")])  # fmt: skip
def test_a_redrive_policy_that_aws_would_refuse_is_an_error(making: Making, policy: str, words: str) -> None:
    with pytest.raises(TemplateError, match=f"RedrivePolicy.*{words}"):
        making(SUBSCRIPTION % ("News", "!GetAtt F.Arn", f", RedrivePolicy: {policy}"))


@pytest.mark.parametrize("protocol", ["lambda", "sqs"])
def test_a_slip_of_the_pen_in_a_subscription_is_listed(making: Making, protocol: str) -> None:
    text = SUBSCRIPTION % ("News", "!GetAtt F.Arn", ", FilterPolcy: {kind: [a]}")
    template = making(text.replace("lambda", protocol))
    assert [told for _, told in _reasons(template)] == ["FilterPolcy: is no property that is known here"]


CREATED, PUT, REMOVED = "s3:ObjectCreated:*", "s3:ObjectCreated:Put", "s3:ObjectRemoved:*"


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ((CREATED, ""), (PUT, ""), [f"{CREATED} and {PUT}"]),
        ((PUT, ""), (CREATED, ""), [f"{CREATED} and {PUT}"]),
        ((PUT, ""), (PUT, "{Name: prefix, Value: in/}"), [PUT]),
        ((PUT, "{Name: prefix, Value: in/}"), (PUT, "{Name: prefix, Value: in/a}"), [PUT]),
        ((PUT, "{Name: prefix, Value: in/}"), (PUT, "{Name: suffix, Value: .jpg}"), [PUT]),
        ((PUT, "{Name: suffix, Value: g}"), (PUT, "{Name: suffix, Value: .jpg}"), [PUT]),
        ((PUT, "{Name: prefix, Value: in/}"), (PUT, "{Name: prefix, Value: out/}"), []),
        ((PUT, "{Name: suffix, Value: .png}"), (PUT, "{Name: suffix, Value: .jpg}"), []),
        ((CREATED, ""), (REMOVED, ""), []),
    ],
)
def test_two_that_are_told_of_the_same_objects_are_listed_since_aws_refuses_them(
    making: Making, first: tuple[str, str], second: tuple[str, str], said: list[str]
) -> None:
    told = [
        f"{{Event: '{event}', Function: {target}, Filter: {{S3Key: {{Rules: [{rule}]}}}}}}"
        for (event, rule), target in ((first, "!GetAtt F.Arn"), (second, "!Ref Live"))
    ]
    template = making(CONFIGURED % ", ".join(told))
    assert len(template.push_mappings) == 2
    expected = [f"NotificationConfiguration: {both} for the same keys twice, which AWS does not take" for both in said]
    assert [reason for _, reason in _reasons(template)] == expected


@pytest.mark.parametrize(("kind", "word"), [("SQS::Queue", "FifoQueue"), ("SNS::Topic", "FifoTopic")])
@pytest.mark.parametrize("value", ["true", "'true'", "!Ref Yes", "false"])
def test_a_fifo_thing_without_a_name_is_called_as_it_has_to_be(
    making: Making, kind: str, word: str, value: str
) -> None:
    head = f"Parameters: {{Yes: {{Type: String, Default: 'true'}}}}\nResources:\n{FUNCTION}"
    text = (
        f"    Q: {{Type: AWS::{kind}, Properties: {{{word}: {value}}}}}\nOutputs: {{Arn: {{Value: !GetAtt Q.Arn}}}}\n"
    )
    template = making(text, head)
    assert template.outputs["Arn"].endswith(":Q" if value == "false" else ":Q.fifo")


def test_a_fifo_topic_that_subscribes_a_function_is_listed(making: Making) -> None:
    link = "Subscription: [{Protocol: lambda, Endpoint: !GetAtt F.Arn}]"
    template = making(f"    T: {{Type: AWS::SNS::Topic, Properties: {{FifoTopic: true, {link}}}}}\n")
    assert (template.push_mappings, len(_reasons(template))) == ((), 1)


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ("FilterPolicy: [a]", "FilterPolicy: needs a JSON object"),
        ("FilterPolicy: '{'", "FilterPolicy: is no JSON"),
        ("FilterPolicy: {kind: a}", "FilterPolicy: kind: needs an object or an array"),
        ("FilterPolicy: {kind: [{prefx: a}]}", "FilterPolicy: kind"),
        ("FilterPolicy: {a: {b: [1]}}", "FilterPolicy: attributes have no inner fields"),
        ("FilterPolicyScope: Body", "FilterPolicyScope: needs one of MessageAttributes, MessageBody, not Body"),
    ],
)
def test_a_policy_that_aws_refuses_is_an_error_with_its_line(making: Making, more: str, error: str) -> None:
    with pytest.raises(TemplateError, match=rf"template\.yaml:\d+: Resources\.Link\.Properties\.{error}"):
        making(SUBSCRIPTION % ("News", "!GetAtt F.Arn", f", {more}"))


def test_a_rule_for_keys_that_is_none_is_an_error(making: Making) -> None:
    rule = "{Event: 's3:ObjectCreated:*', Function: a, Filter: {S3Key: {Rules: [{Name: infix, Value: a}]}}}"
    with pytest.raises(TemplateError, match=r"Rules\[0\]\.Name: needs prefix or suffix, not infix"):
        making(CONFIGURED % rule)
