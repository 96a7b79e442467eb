from pathlib import Path
from textwrap import dedent

import pytest

from samlet.errors import TemplateError
from samlet.template import KafkaMapping, Template, load, notice

from .conftest import EachMade, Loader

SELF_MANAGED = "SelfManagedEventSource: {Endpoints: {KafkaBootstrapServers: ['a:9092', 'b:9092,c:9092']}}"
MSK_ARN = "arn:aws:kafka:eu-central-1:111111111111:cluster/c/1"
ONE_FILTER = """{Pattern: '{"key": [1]}'}"""
BAD_FILTER = """{Pattern: '{"value": {"a": [{"like": 1}]}}'}"""
COMMON = "Topics: [events], StartingPosition: TRIM_HORIZON"


def _text(properties: str, function: str = "") -> str:
    return f"""
        Resources:
          F: {{Type: AWS::Lambda::Function, Properties: {{Runtime: python3.13, Handler: a.b, Code: code, {function}}}}}
          M: {{Type: AWS::Lambda::EventSourceMapping, Properties: {{FunctionName: !GetAtt F.Arn, {properties}}}}}
"""


def mapping(loaded: Loader, properties: str, function: str = "") -> Template:
    return loaded(_text(properties, function))


def test_a_self_managed_mapping_has_awss_defaults(loaded: Loader) -> None:
    template = mapping(loaded, f"{COMMON}, {SELF_MANAGED}")
    (found,) = template.kafka_mappings
    assert found == KafkaMapping(
        logical_id="M",
        function="F",
        topic="events",
        group_id=found.group_id,
        bootstrap_servers=("a:9092", "b:9092", "c:9092"),
    )
    assert found.group_id == mapping(loaded, f"{COMMON}, {SELF_MANAGED}").kafka_mappings[0].group_id
    assert len(found.group_id) == 36
    assert template.unsupported == ()


def test_the_mapping_of_another_template_is_another_group(loaded: Loader) -> None:
    text = f"""
        Resources:
          F: {{Type: AWS::Lambda::Function, Properties: {{Runtime: python3.13, Handler: a.b, Code: code}}}}
          M: {{Type: AWS::Lambda::EventSourceMapping, Properties: {{FunctionName: !Ref F, {COMMON}, {SELF_MANAGED}}}}}
        """
    groups = [loaded(text, name).kafka_mappings[0].group_id for name in ("one.yaml", "two.yaml", "one.yaml")]
    assert groups[0] == groups[2] != groups[1]


def test_every_control_is_read(loaded: Loader) -> None:
    template = mapping(
        loaded,
        f"""{SELF_MANAGED}, Topics: [events], StartingPosition: AT_TIMESTAMP, StartingPositionTimestamp: 1700000000,
            SelfManagedKafkaEventSourceConfig: {{ConsumerGroupId: mine}}, BatchSize: 10, Enabled: false,
            MaximumBatchingWindowInSeconds: 3, MaximumRetryAttempts: 3, MaximumRecordAgeInSeconds: 60,
            BisectBatchOnFunctionError: true, FunctionResponseTypes: [ReportBatchItemFailures],
            ProvisionedPollerConfig: {{MinimumPollers: 2}},
            DestinationConfig: {{OnFailure: {{Destination: kafka://dead}}}},
            FilterCriteria: {{Filters: [{{Pattern: '{{"value": {{"a": [1]}}}}'}}, {{Pattern: '{{"key": ["k"]}}'}}]}}""",
    )
    assert template.unsupported == ()
    assert template.kafka_mappings == (
        KafkaMapping(
            logical_id="M",
            function="F",
            topic="events",
            group_id="mine",
            bootstrap_servers=("a:9092", "b:9092", "c:9092"),
            batch_size=10,
            window=3,
            starting_position="AT_TIMESTAMP",
            starting_timestamp=1_700_000_000.0,
            filters=({"value": {"a": [1]}}, {"key": ["k"]}),
            max_retries=3,
            max_age=60,
            bisect=True,
            partial_failures=True,
            on_failure="kafka://dead",
            enabled=False,
            min_pollers=2,
            max_pollers=200,
        ),
    )


@pytest.mark.parametrize(
    ("kind", "destination", "arn"),
    [
        ("AWS::SQS::Queue", "!GetAtt There.Arn", "arn:aws:sqs:eu-central-1:000000000000:made"),
        ("AWS::SNS::Topic", "!GetAtt There.Arn", "arn:aws:sns:eu-central-1:000000000000:made"),
        ("AWS::S3::Bucket", "!GetAtt There.Arn", "arn:aws:s3:::made"),
    ],
)
@pytest.mark.parametrize("fifo", [False, True])
def test_a_queue_a_topic_or_a_bucket_that_was_made_is_told_of_failures_unless_it_is_fifo(
    tmp_path: Path, kind: str, destination: str, arn: str, *, fifo: bool
) -> None:
    given = f"{COMMON}, {SELF_MANAGED}, DestinationConfig: {{OnFailure: {{Destination: {destination}}}}}"
    there = f"          There: {{Type: {kind}}}\n"
    (tmp_path / "code").mkdir()
    (tmp_path / "template.yaml").write_text(dedent(_text(given) + there))
    template = load(tmp_path / "template.yaml", {}, maker=EachMade("made.fifo" if fifo else "made"))
    [found] = template.kafka_mappings
    arn = f"{arn}.fifo" if fifo else arn
    assert (found.on_failure, found.on_failure_served) == (arn, not fifo)
    reason = f"DestinationConfig: {arn} is FIFO, which AWS does not send failed batches to"
    assert [part.reason for part in template.unsupported] == ([reason] if fifo else [])


def test_ways_in_are_taken_over_and_networks_left_out(loaded: Loader) -> None:
    kinds = ("VPC_SUBNET", "SASL_SCRAM_512_AUTH", "VPC_SUBNET", "VPC_SECURITY_GROUP", "SERVER_ROOT_CA_CERTIFICATE")
    access = ", ".join(f"{{Type: {kind}, URI: {kind.lower()}}}" for kind in kinds)
    template = mapping(loaded, f"{COMMON}, {SELF_MANAGED}, SourceAccessConfigurations: [{access}]")
    assert template.kafka_mappings[0].access == (
        ("SASL_SCRAM_512_AUTH", "sasl_scram_512_auth"),
        ("SERVER_ROOT_CA_CERTIFICATE", "server_root_ca_certificate"),
    )
    assert template.unsupported == ()


@pytest.mark.parametrize("kind", ["SelfManagedKafka", "MSK"])
def test_ways_in_of_sams_events_are_taken_over(loaded: Loader, kind: str) -> None:
    place = f"Stream: {MSK_ARN}" if kind == "MSK" else "KafkaBootstrapServers: [a:9092]"
    template = loaded(
        f"""
        Transform: AWS::Serverless-2016-10-31
        Resources:
          F:
            Type: AWS::Serverless::Function
            Properties:
              Runtime: python3.13
              Handler: a.b
              CodeUri: code
              Events:
                E:
                  Type: {kind}
                  Properties:
                    {place}
                    Topics: [events]
                    StartingPosition: LATEST
                    SourceAccessConfigurations: [{{Type: SASL_SCRAM_512_AUTH, URI: secret}}]
        """
    )
    assert template.kafka_mappings[0].access == (("SASL_SCRAM_512_AUTH", "secret"),)
    assert template.unsupported == ()


def test_an_msk_mapping_has_its_clusters_arn(loaded: Loader) -> None:
    (found,) = mapping(
        loaded,
        f"{COMMON}, EventSourceArn: '{MSK_ARN}', AmazonManagedKafkaEventSourceConfig: {{ConsumerGroupId: mine}}",
    ).kafka_mappings
    assert (found.source_arn, found.group_id, found.bootstrap_servers) == (MSK_ARN, "mine", ())


def test_sams_own_kafka_event_works(loaded: Loader) -> None:
    (found,) = loaded(
        """
        Transform: AWS::Serverless-2016-10-31
        Resources:
          F:
            Type: AWS::Serverless::Function
            Properties:
              Runtime: python3.13
              Handler: a.b
              CodeUri: code
              Events:
                E:
                  Type: SelfManagedKafka
                  Properties:
                    KafkaBootstrapServers: [a:9092]
                    Topics: [events]
                    ConsumerGroupId: mine
                    StartingPosition: LATEST
                    SourceAccessConfigurations: [{Type: BASIC_AUTH, URI: "arn:aws:secretsmanager:x:1:secret:s"}]
        """
    ).kafka_mappings
    assert (found.logical_id, found.group_id, found.bootstrap_servers) == ("FE", "mine", ("a:9092",))
    assert found.starting_position == "LATEST"


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ("EventSourceArn: 'arn:aws:sqs:eu-central-1:111111111111:q'", "SQS"),
        ("EventSourceArn: 'arn:aws:kinesis:eu-central-1:111111111111:stream/s'", "Kinesis"),
        ("EventSourceArn: 'arn:aws:dynamodb:eu-central-1:111111111111:table/t/stream/1'", "DynamoDB"),
    ],
)
def test_other_mappings_are_listed(loaded: Loader, properties: str, reason: str) -> None:
    template = mapping(loaded, properties)
    assert template.kafka_mappings == ()
    assert [reason in note.reason for note in template.unsupported] == [True]


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ("DestinationConfig: {OnFailure: {Destination: 'arn:aws:sqs:x:1:q'}}", "DestinationConfig"),
        (
            "SelfManagedKafkaEventSourceConfig: {SchemaRegistryConfig: {EventRecordFormat: JSON}}",
            "SchemaRegistryConfig",
        ),
        ("SelfManagedKafkaEventSourceConfig: {ConsumptionMode: SHARE}", "ConsumptionMode"),
        ("MaximumRetryAttempts: 3", "only with ProvisionedPollerConfig"),
        (f"FilterCriteria: {{Filters: [{', '.join([ONE_FILTER] * 6)}]}}", "over 5 filters only with a raised quota"),
    ],
)
def test_a_difference_from_aws_is_listed_and_the_mapping_runs(loaded: Loader, properties: str, reason: str) -> None:
    template = mapping(loaded, f"{COMMON}, {SELF_MANAGED}, {properties}")
    assert len(template.kafka_mappings) == 1
    assert [reason in note.reason for note in template.unsupported] == [True]


def two_mappings(first: str, second: str) -> str:
    return f"""
        Resources:
          F: {{Type: AWS::Lambda::Function, Properties: {{Runtime: python3.13, Handler: a.b, Code: code}}}}
          A: {{Type: AWS::Lambda::EventSourceMapping, Properties: {{FunctionName: !Ref F, {first}}}}}
          B: {{Type: AWS::Lambda::EventSourceMapping, Properties: {{FunctionName: !Ref F, {second}}}}}
        """


def in_group(group: str, topic: str, server: str = "a:9092") -> str:
    return f"""Topics: [{topic}], StartingPosition: LATEST,
            SelfManagedEventSource: {{Endpoints: {{KafkaBootstrapServers: ['b:9092,{server}']}}}},
            SelfManagedKafkaEventSourceConfig: {{ConsumerGroupId: {group}}}"""


def test_a_consumer_group_of_two_mappings_is_listed_for_both_as_each_gets_a_part_of_the_records(loaded: Loader) -> None:
    template = loaded(two_mappings(in_group("ours", "events"), in_group("ours", "events")))
    assert [found.group_id for found in template.kafka_mappings] == ["ours", "ours"]
    assert [notice(template, part).partition(": ")[2] for part in template.unsupported] == [
        f"{own} (AWS::Lambda::EventSourceMapping): SelfManagedKafkaEventSourceConfig.ConsumerGroupId: ours is that of "
        f"{other} as well, and AWS wants one of its own for each mapping; "
        f"of events each gets the records that the other does not"
        for own, other in (("A", "B"), ("B", "A"))
    ]
    assert [part.line for part in template.unsupported] == [6, 9]


def test_a_consumer_group_of_two_mappings_of_different_topics_is_listed_as_aws_wants_one_for_each(
    loaded: Loader,
) -> None:
    template = loaded(two_mappings(in_group("ours", "events"), in_group("ours", "others")))
    assert [part.reason.rpartition(" ")[2] for part in template.unsupported] == ["mapping", "mapping"]


def test_a_consumer_group_of_three_mappings_is_listed_once_for_each(loaded: Loader) -> None:
    third = (
        f"  C: {{Type: AWS::Lambda::EventSourceMapping, Properties: {{FunctionName: !Ref F, {in_group('ours', 'x')}}}}}"
    )
    both = two_mappings(in_group("ours", "events"), in_group("ours", "events"))
    template = loaded(f"{both}{third}")
    assert [
        (part.logical_id, part.reason.partition(",")[0].partition("that of ")[2]) for part in template.unsupported
    ] == [
        ("A", "B and C as well"),
        ("B", "A and C as well"),
        ("C", "A and B as well"),
    ]


def test_groups_of_two_mappings_that_are_their_own_are_not_listed(loaded: Loader) -> None:
    assert loaded(two_mappings(in_group("one", "events"), in_group("two", "events"))).unsupported == ()
    without = f"{COMMON}, {SELF_MANAGED}"
    assert loaded(two_mappings(without, without)).unsupported == ()


def test_a_mapping_of_a_function_that_cannot_be_run_is_listed(loaded: Loader) -> None:
    template = mapping(loaded, f"{COMMON}, {SELF_MANAGED}", "PackageType: Image")
    assert [note.logical_id for note in template.unsupported] == ["F", "M"]


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        (
            f"{COMMON}, {SELF_MANAGED}, FunctionResponseTypes: [ReportBatchItemFailure]",
            "FunctionResponseTypes: takes ReportBatchItemFailures, not ReportBatchItemFailure",
        ),
        (f"{COMMON}, {SELF_MANAGED}, ParallelizationFactor: 2", "ParallelizationFactor: belongs to other sources"),
        (f"{COMMON}, {SELF_MANAGED}, ScalingConfig: {{MaximumConcurrency: 2}}", "ScalingConfig: belongs to other"),
        (f"{COMMON}, {SELF_MANAGED}, TumblingWindowInSeconds: 2", "TumblingWindowInSeconds: belongs to other"),
        (f"{COMMON}, {SELF_MANAGED}, Queues: [a]", "Queues: belongs to other"),
        (f"StartingPosition: LATEST, {SELF_MANAGED}", "Topics: needs exactly one topic, not 0"),
        (f"Topics: [a, b], StartingPosition: LATEST, {SELF_MANAGED}", "Topics: needs exactly one topic, not 2"),
        (f"Topics: [a], {SELF_MANAGED}", "StartingPosition: is missing"),
        (f"Topics: [a], StartingPosition: SOON, {SELF_MANAGED}", "StartingPosition: needs one of TRIM_HORIZON"),
        (f"Topics: [a], StartingPosition: AT_TIMESTAMP, {SELF_MANAGED}", "StartingPositionTimestamp: is missing"),
        (f"{COMMON}, {SELF_MANAGED}, BatchSize: 0", "BatchSize: needs a number from 1 to 10000"),
        (f"{COMMON}, {SELF_MANAGED}, MaximumRecordAgeInSeconds: 5", "needs -1 or a number from 60"),
        (f"{COMMON}, {SELF_MANAGED}, Enabled: maybe", "Enabled: needs true or false"),
        (
            f"{COMMON}, {SELF_MANAGED}, FilterCriteria: {{Filters: [{{Pattern: '{{'}}]}}",
            r"Filters\[0\].Pattern: is no JSON",
        ),
        (
            f"{COMMON}, {SELF_MANAGED}, FilterCriteria: {{Filters: [{{Pattern: '{{\"body\": [1]}}'}}]}}",
            "about value or key, not body",
        ),
        (
            f"{COMMON}, {SELF_MANAGED}, FilterCriteria: {{Filters: [{ONE_FILTER}, {BAD_FILTER}]}}",
            r"Filters\[1\].Pattern: value.a\[0\]: the operator 'like' is unknown",
        ),
        (
            f'{COMMON}, {SELF_MANAGED}, FilterCriteria: {{Filters: [{{Pattern: \'{{"key": ["{"x" * 4096}"]}}\'}}]}}',
            "characters long, 4096 at most",
        ),
        (
            f"{COMMON}, {SELF_MANAGED}, FilterCriteria: {{Filters: [{', '.join([ONE_FILTER] * 11)}]}}",
            "holds 11 filters, 10 at most",
        ),
        (f"{COMMON}, {SELF_MANAGED}, BatchSize: 10001", "BatchSize: needs a number from 1 to 10000"),
        (f"{COMMON}, {SELF_MANAGED}, MaximumBatchingWindowInSeconds: 301", "needs a number from 0 to 300"),
        (f"{COMMON}, {SELF_MANAGED}, MaximumBatchingWindowInSeconds: 0.5", "needs a whole number"),
        (f"{COMMON}, {SELF_MANAGED}, MaximumRetryAttempts: 10001", "needs a number from -1 to 10000"),
        (f"{COMMON}, {SELF_MANAGED}, MaximumRetryAttempts: -2", "needs a number from -1 to 10000"),
        (f"{COMMON}, {SELF_MANAGED}, MaximumRecordAgeInSeconds: 604801", "needs a number from -1 to 604800"),
        (f"{COMMON}, {SELF_MANAGED}, ProvisionedPollerConfig: {{MinimumPollers: 201}}", "from 1 to 200"),
        (f"{COMMON}, {SELF_MANAGED}, ProvisionedPollerConfig: {{MaximumPollers: 2001}}", "from 1 to 2000"),
        (
            f"{COMMON}, {SELF_MANAGED}, ProvisionedPollerConfig: {{MinimumPollers: 3, MaximumPollers: 2}}",
            "MaximumPollers: needs at least MinimumPollers, 3, not 2",
        ),
        (
            f"{COMMON}, {SELF_MANAGED}, DestinationConfig: {{OnFailure: {{Destination: 'kafka://events'}}}}",
            "OnFailure.Destination: needs kafka:// and another topic",
        ),
        (f"{COMMON}, {SELF_MANAGED}, FilterCriteria: {{Filters: [{{Pattern: '[]'}}]}}", "needs a JSON object"),
        (
            f"{COMMON}, {SELF_MANAGED}, SourceAccessConfigurations: [{{Type: VIRTUAL_HOST, URI: x}}]",
            r"SourceAccessConfigurations\[0\].Type: needs one of BASIC_AUTH, ",
        ),
        (
            f"{COMMON}, {SELF_MANAGED}, SourceAccessConfigurations: [{{Type: BASIC_AUTH}}]",
            r"SourceAccessConfigurations\[0\].URI: is missing",
        ),
        (
            f"{COMMON}, {SELF_MANAGED}, SourceAccessConfigurations: "
            "[{Type: BASIC_AUTH, URI: x}, {Type: SASL_SCRAM_256_AUTH, URI: x}]",
            "SourceAccessConfigurations: needs one way to be let in, not BASIC_AUTH and SASL_SCRAM_256_AUTH",
        ),
        (
            f"{COMMON}, {SELF_MANAGED}, SourceAccessConfigurations: "
            "[{Type: BASIC_AUTH, URI: x}, {Type: BASIC_AUTH, URI: y}]",
            r"SourceAccessConfigurations\[1\].Type: BASIC_AUTH is there twice",
        ),
        (f"{COMMON}, SelfManagedEventSource: {{Endpoints: {{}}}}", "KafkaBootstrapServers: names no server"),
    ],
)
def test_a_malformed_mapping_is_named(loaded: Loader, properties: str, message: str) -> None:
    with pytest.raises(TemplateError, match=rf"Resources\.M\.Properties\..*{message}"):
        mapping(loaded, properties)


def test_a_function_of_a_mapping_ends_within_fourteen_minutes(loaded: Loader) -> None:
    with pytest.raises(TemplateError, match="F has a Timeout above 840 s"):
        mapping(loaded, f"{COMMON}, {SELF_MANAGED}", "Timeout: 841")
