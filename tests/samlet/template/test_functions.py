from pathlib import Path

import pytest

from samlet.errors import TemplateError
from samlet.template import AsyncInvocation, Destinations, load

from .conftest import Loader

PLAIN = """
    Resources:
      F:
        Type: AWS::Lambda::Function
        Properties:
          Runtime: python3.13
          Handler: app.handler
          Code: ./code
          {more}
"""
SAM = """
    Transform: AWS::Serverless-2016-10-31
    Resources:
      F:
        Type: AWS::Serverless::Function
        Properties:
          Runtime: python3.13
          Handler: app.handler
          CodeUri: code/
          {more}
"""


def plain(more: str = "") -> str:
    return PLAIN.replace("{more}", more)


def sam(more: str = "") -> str:
    return SAM.replace("{more}", more)


@pytest.mark.parametrize("text", [plain(), sam()])
def test_a_function_has_lambdas_defaults(loaded: Loader, tmp_path: Path, text: str) -> None:
    function = loaded(text).functions["F"]
    assert (function.name, function.runtime, function.handler) == ("F", "python3.13", "app.handler")
    assert function.code == tmp_path / "code"
    assert (function.timeout, function.memory, function.reserved_concurrency) == (3, 128, None)
    assert function.asynchronous == AsyncInvocation(max_retries=2, max_age=21_600)


@pytest.mark.parametrize("text", [plain, sam])
def test_a_functions_own_settings_count(loaded: Loader, text: object) -> None:
    assert callable(text)
    more = """FunctionName: !Sub "app-${AWS::Region}"
          Timeout: "900"
          MemorySize: 10240
          ReservedConcurrentExecutions: 0
          Environment: {Variables: {A: 1, B: true, C: !Ref AWS::AccountId, D: !Ref AWS::NoValue}}"""
    function = loaded(text(more)).functions["F"]
    assert function.name == "app-eu-central-1"
    assert (function.timeout, function.memory, function.reserved_concurrency) == (900, 10_240, 0)
    assert function.environment == {"A": "1", "B": "true", "C": "000000000000"}


def test_json_templates_work(loaded: Loader) -> None:
    text = """{"Resources": {"F": {"Type": "AWS::Lambda::Function", "Properties":
        {"Runtime": "provided.al2023", "Code": "code", "Handler": {"Fn::Sub": "bootstrap"}}}}}"""
    assert loaded(text, name="template.json").functions["F"].runtime == "provided.al2023"


def test_layers_are_local_folders_and_a_published_one_is_noted(loaded: Loader, tmp_path: Path) -> None:
    template = loaded(
        sam("Layers: [!Ref Common, 'arn:aws:lambda:eu-central-1:111111111111:layer:other:3']")
        + """
      Common:
        Type: AWS::Serverless::LayerVersion
        Properties: {ContentUri: layer/}
    """
    )
    assert template.functions["F"].layers == (tmp_path / "layer",)
    assert [(note.logical_id, "layer:other:3" in note.reason) for note in template.unsupported] == [("F", True)]


def test_globals_and_parameters_reach_the_code_path(loaded: Loader, tmp_path: Path) -> None:
    template = loaded(
        """
        Transform: AWS::Serverless-2016-10-31
        Parameters: {Folder: {Type: String}}
        Globals: {Function: {Runtime: python3.12, CodeUri: !Sub "${Folder}/"}}
        Resources:
          F: {Type: AWS::Serverless::Function, Properties: {Handler: a.b}}
        """,
        Folder="code",
    )
    assert template.functions["F"].code == tmp_path / "code"


def test_without_a_code_path_the_templates_own_folder_counts(loaded: Loader, tmp_path: Path) -> None:
    assert loaded(sam().replace("CodeUri: code/", "")).functions["F"].code == tmp_path


def test_a_built_template_runs_what_was_built(tmp_path: Path) -> None:
    build = tmp_path / ".aws-sam" / "build"
    (build / "F").mkdir(parents=True)
    (build / "template.yaml").write_text(sam("").replace("code/", "F").replace("\n    ", "\n"))
    assert load(build / "template.yaml", {}).functions["F"].code == build / "F"


def test_asynchronous_retries_are_read_with_their_destinations(loaded: Loader) -> None:
    template = loaded(
        sam(
            """EventInvokeConfig:
            MaximumRetryAttempts: 0
            MaximumEventAgeInSeconds: 60
            DestinationConfig:
              OnFailure: {Type: Lambda, Destination: !GetAtt G.Arn}
              OnSuccess: {Type: SQS, Destination: "arn:aws:sqs:eu-central-1:000000000000:q"}"""
        )
        + """
      G: {Type: AWS::Serverless::Function, Properties: {Runtime: python3.13, Handler: a.b, CodeUri: code}}
    """
    )
    destinations = Destinations(
        on_success="arn:aws:sqs:eu-central-1:000000000000:q",
        on_failure="arn:aws:lambda:eu-central-1:000000000000:function:G",
    )
    assert template.functions["F"].asynchronous == AsyncInvocation(0, 60, destinations)
    assert ["sqs" in note.reason for note in template.unsupported] == [True]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ("PackageType: Image", "container images"),
        ("Runtime: nodejs22.x", "nodejs22.x needs `sam local`"),
        ("Code: {S3Bucket: b, S3Key: k}", "lies in S3"),
        ("Code: app.jar", "is an archive of Java"),
    ],
)
def test_a_function_that_cannot_be_run_is_noted_and_left_out(loaded: Loader, more: str, reason: str) -> None:
    key = more.split(":")[0]
    lines = [
        line for line in plain(more).splitlines() if line.strip() == more or not line.strip().startswith(f"{key}:")
    ]
    template = loaded("\n".join(lines))
    assert template.functions == {}
    assert [note.logical_id for note in template.unsupported] == ["F"]
    assert reason in template.unsupported[0].reason


def test_a_sam_image_without_a_registry_is_noted(loaded: Loader) -> None:
    template = loaded(
        """
        Transform: AWS::Serverless-2016-10-31
        Resources:
          F: {Type: AWS::Serverless::Function, Metadata: {Dockerfile: Dockerfile}, Properties: {PackageType: Image}}
        """
    )
    assert [note.reason for note in template.unsupported] == [
        "PackageType: container images are not run; a Runtime and a folder of code are"
    ]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("Timeout: soon", "Resources.F.Properties.Timeout: needs a whole number"),
        ("Timeout: 901", "Resources.F.Properties.Timeout: needs a number from 1 to 900"),
        ("MemorySize: [1]", "Resources.F.Properties.MemorySize: needs a whole number"),
        ("Environment: [1]", "Resources.F.Properties.Environment: needs a map"),
        ("Environment: {Variables: {A: {b: c}}}", "Resources.F.Properties.Environment.Variables.A: needs text"),
        ("Layers: text", "Resources.F.Properties.Layers: needs a list"),
        ("Role: !GetAtt Nobody.Arn", "Resources.F.Properties.Role: Fn::GetAtt Nobody.Arn"),
    ],
)
def test_a_malformed_property_is_named_with_file_and_logical_id(loaded: Loader, more: str, message: str) -> None:
    with pytest.raises(TemplateError, match=r"template\.yaml:\d+: " + message.replace(".", r"\.")):
        loaded(plain(more))


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ("AWS_REGION: a, COLOUR: b", "AWS_REGION: Lambda sets this itself and refuses it"),
        ("_HANDLER: a, AWS_ACCESS_KEY_ID: b", "AWS_ACCESS_KEY_ID, _HANDLER: Lambda sets this itself"),
        ("_OWN: a", "'_OWN' is no name that Lambda takes"),
        ("A-B: a", "'A-B' is no name that Lambda takes"),
        (f"AB: {'x' * 4095}", "4097 bytes of names and values, and Lambda takes 4096"),
    ],
)
def test_variables_that_lambda_would_refuse_are_refused_here(loaded: Loader, variables: str, message: str) -> None:
    with pytest.raises(TemplateError, match=r"Resources\.F\.Properties\.Environment\.Variables: " + message):
        loaded(plain(f"Environment: {{Variables: {{{variables}}}}}"))


def test_variables_may_be_four_kilobytes_and_name_a_time_zone(loaded: Loader) -> None:
    template = loaded(plain(f"Environment: {{Variables: {{TZ: Europe/Berlin, AB: {'x' * (4094 - 15)}}}}}"))
    assert template.functions["F"].environment["TZ"] == "Europe/Berlin"


@pytest.mark.parametrize(
    ("logging", "variables"),
    [
        ("{LogGroup: mine}", {"AWS_LAMBDA_LOG_GROUP_NAME": "mine"}),
        ("{LogFormat: Text, ApplicationLogLevel: INFO}", {}),
        ("{LogFormat: JSON}", {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}),
        (
            "{LogFormat: JSON, ApplicationLogLevel: DEBUG, LogGroup: mine}",
            {
                "AWS_LAMBDA_LOG_GROUP_NAME": "mine",
                "AWS_LAMBDA_LOG_FORMAT": "JSON",
                "AWS_LAMBDA_LOG_LEVEL": "DEBUG",
            },
        ),
    ],
)
def test_a_function_is_told_of_its_logging_by_lambdas_variables(
    loaded: Loader, logging: str, variables: dict[str, str]
) -> None:
    function = loaded(plain(f"LoggingConfig: {logging}")).functions["F"]
    assert function.environment == variables


def test_a_log_format_that_lambda_does_not_know_is_an_error(loaded: Loader) -> None:
    with pytest.raises(TemplateError, match=r"LoggingConfig\.LogFormat: needs one of Text, JSON, not XML"):
        loaded(plain("LoggingConfig: {LogFormat: XML}"))


@pytest.mark.parametrize(
    ("more", "reasons"),
    [
        ("SnapStart: {ApplyOn: PublishedVersions}", ["SnapStart: no snapshots are taken, each start is a whole one"]),
        ("SnapStart: {ApplyOn: None}", []),
        (
            "TenancyConfig: {TenantIsolationMode: PER_TENANT}",
            ["TenancyConfig: tenants share sandboxes, and functions are told of none"],
        ),
        ("CapacityProviderConfig: {}", ["CapacityProviderConfig: a sandbox runs one event at a time"]),
        (
            "EphemeralStorage: {Size: 1024}",
            ["EphemeralStorage: the size of a function's temporary folder is not limited"],
        ),
    ],
)
def test_what_of_a_function_is_not_done_here_is_noted(loaded: Loader, more: str, reasons: list[str]) -> None:
    assert [note.reason for note in loaded(plain(more)).unsupported] == reasons


def test_a_layer_with_external_extensions_is_a_layer_like_others(loaded: Loader, tmp_path: Path) -> None:
    (tmp_path / "layer" / "extensions").mkdir(parents=True)
    template = loaded(
        sam("Layers: [!Ref Common]")
        + """
      Common:
        Type: AWS::Serverless::LayerVersion
        Properties: {ContentUri: layer/}
    """
    )
    assert template.functions["F"].layers == (tmp_path / "layer",)
    assert template.unsupported == ()


def test_a_missing_code_folder_is_an_error(loaded: Loader) -> None:
    with pytest.raises(TemplateError, match=r"Resources\.F\.Properties\.Code: no folder .*/missing"):
        loaded(sam().replace("code/", "missing"))


def test_a_missing_handler_is_an_error(loaded: Loader) -> None:
    with pytest.raises(TemplateError, match=r"Resources\.F\.Properties\.Handler: is missing"):
        loaded(plain().replace("Handler: app.handler", ""))


def test_two_functions_of_one_name_are_an_error(loaded: Loader) -> None:
    other = """
      G: {Type: AWS::Lambda::Function, Properties: {FunctionName: F}}
    """
    with pytest.raises(TemplateError, match="F has the name F too"):
        loaded(plain() + other)
