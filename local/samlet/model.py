"""What a template says, resolved: the one vocabulary that the runtime and the event sources share.

Every value is final: parameters, conditions and intrinsic functions are gone, durations are in the unit that the
field's docstring names, and a target is a function's logical id (an alias or a version has been followed).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

DEFAULT_REGION, DEFAULT_ACCOUNT = "eu-central-1", "000000000000"
"""Where a template is run that is told nothing else."""


@dataclass(frozen=True, slots=True)
class Destinations:
    """Where the outcome of an asynchronous invocation goes; each is an ARN as the template gives it."""

    on_success: str | None = None
    on_failure: str | None = None


@dataclass(frozen=True, slots=True)
class AsyncInvocation:
    """How asynchronous events are retried (`AWS::Lambda::EventInvokeConfig`); age in seconds.

    `dead_letters` is the ARN of the function's dead-letter queue or topic.
    """

    max_retries: int = 2
    max_age: int = 21_600
    destinations: Destinations = Destinations()
    dead_letters: str | None = None


LATEST = "$LATEST"


@dataclass(frozen=True, slots=True)
class Function:
    """One `AWS::Lambda::Function`. `timeout` is in seconds, `memory` in MB, `code` and `layers` are local folders.

    `overrides` are variables that the command line sets on top of the template's and the project's, perhaps secret.
    `aliases` names a version each; all versions are the code on disk. `described` is what the template says beyond
    that, in the words of Lambda's `GetFunctionConfiguration`: it is shown, and nothing depends on it.
    """

    logical_id: str
    name: str
    runtime: str
    handler: str
    code: Path
    layers: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    overrides: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: int = 3
    memory: int = 128
    reserved_concurrency: int | None = None
    asynchronous: AsyncInvocation = AsyncInvocation()
    aliases: Mapping[str, str] = field(default_factory=dict)
    versions: tuple[str, ...] = ()
    described: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cors:
    """The CORS configuration of an HTTP API; `max_age` in seconds."""

    allow_origins: tuple[str, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    allow_credentials: bool = False
    max_age: int | None = None


@dataclass(frozen=True, slots=True)
class JwtAuthorizer:
    """Lets tokens pass that `issuer` signed for one of `audience`; `identity_source` says where the token stands."""

    issuer: str
    audience: tuple[str, ...]
    identity_source: str = "$request.header.Authorization"


@dataclass(frozen=True, slots=True)
class LambdaAuthorizer:
    """Lets pass whom a function lets pass; its answer is kept `ttl` seconds for the same identity sources.

    With `simple` the function answers `isAuthorized`, else an IAM policy.
    """

    name: str
    function: str
    identity_sources: tuple[str, ...] = ()
    payload_format: Literal["1.0", "2.0"] = "2.0"
    simple: bool = False
    ttl: int = 0


@dataclass(frozen=True, slots=True)
class IamAuthorizer:
    """Lets requests pass that were signed for `service` with a secret that is known here."""

    service: Literal["execute-api", "lambda"] = "execute-api"


@dataclass(frozen=True, slots=True)
class Throttle:
    """How many requests may come at once, and how many a second after that."""

    burst: int
    rate: float


@dataclass(frozen=True, slots=True)
class Route:
    """One route: `method` is an HTTP verb or ANY, `path` is `/a/{b}/{rest+}` or `$default`; time-out in ms."""

    method: str
    path: str
    function: str
    timeout: int = 30_000
    authorizer: JwtAuthorizer | LambdaAuthorizer | IamAuthorizer | None = None
    scopes: tuple[str, ...] = ()
    payload_format: Literal["1.0", "2.0"] = "2.0"
    throttle: Throttle | None = None

    @property
    def key(self) -> str:
        """The route key as in events, `GET /a/{b}` or `$default`."""
        return "$default" if self.path == "$default" else f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class HttpApi:
    """One `AWS::ApiGatewayV2::Api` with its routes, as one of its stages serves it; `others` are its further stages.

    `access_log` is the format of a line with `$context` variables. A function URL (`AWS::Lambda::Url`) is an API with
    one route and some ways of its own; one that is `streamed` hands answers on while they are made.
    """

    logical_id: str
    routes: tuple[Route, ...] = ()
    cors: Cors | None = None
    stage: str = "$default"
    stage_variables: Mapping[str, str] = field(default_factory=dict)
    access_log: str | None = None
    others: tuple["HttpApi", ...] = ()
    function_url: bool = False
    streamed: bool = False


@dataclass(frozen=True, slots=True)
class Schedule:
    """One `AWS::Events::Rule` (kind `rule`) or `AWS::Scheduler::Schedule` (kind `scheduler`) with one target.

    `expression` is `cron(…)`, `rate(…)` or `at(…)`; `timezone` an IANA name; `retries` and `max_age` (seconds) are
    the delivery's own, before Lambda's asynchronous retries. What is not delivered goes to the queue `dead_letters`.
    """

    name: str
    kind: Literal["rule", "scheduler"]
    expression: str
    function: str
    timezone: str = "UTC"
    input: str | None = None
    enabled: bool = True
    flexible_minutes: int = 0
    start: datetime | None = None
    end: datetime | None = None
    retries: int = 185
    max_age: int = 86_400
    group: str = "default"
    logical_id: str = ""
    target_arn: str = ""
    dead_letters: str | None = None


@dataclass(frozen=True, slots=True)
class KafkaMapping:
    """One self-managed Kafka (or MSK) event source mapping; ages and windows in seconds, −1 means without limit.

    `on_failure` is `kafka://topic` or an ARN, which `on_failure_served` says is there to be sent to. `filters` holds
    the decoded patterns; an event passes if any matches. `access` has the types of `SourceAccessConfigurations`, those
    of VPCs left out, with their secrets' ARNs or names.
    """

    logical_id: str
    function: str
    topic: str
    group_id: str
    bootstrap_servers: tuple[str, ...] = ()
    batch_size: int = 100
    window: float = 0.5
    starting_position: Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"] = "TRIM_HORIZON"
    starting_timestamp: float | None = None
    filters: tuple[Mapping[str, Any], ...] = ()
    max_retries: int = -1
    max_age: int = -1
    bisect: bool = False
    partial_failures: bool = False
    on_failure: str | None = None
    on_failure_served: bool = True
    enabled: bool = True
    source_arn: str | None = None
    min_pollers: int = 1
    max_pollers: int | None = None
    access: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class QueueMapping:
    """One event source mapping of an SQS queue, `arn`; the window is in seconds."""

    logical_id: str
    function: str
    arn: str
    batch_size: int = 10
    window: float = 0.0
    max_concurrency: int | None = None
    partial_failures: bool = False
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Notification:
    """What a bucket tells a function of: an event, of keys that all the rules (`prefix` or `suffix`, text) fit."""

    event: str
    rules: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Push:
    """What a topic or a bucket has for the function of the ARN `target`; it waits in the queue of that of `queue`.

    Of a topic, `origin` is the subscription's ARN, and `filter_policy` says which messages count, by their attributes
    or their body, as the scope says. What cannot be delivered goes to the queue of the ARN `dead_letters`.
    """

    kind: Literal["sns", "s3"]
    target: str
    source: str = ""  # the topic's or the bucket's name
    queue: str = ""
    origin: str = ""
    filter_policy: Mapping[str, Any] | None = None
    filter_scope: str = "MessageAttributes"
    dead_letters: str | None = None
    notifications: tuple[Notification, ...] = ()


@dataclass(frozen=True, slots=True)
class PushMapping:
    """One way from a topic or a bucket to a function; `target` is that with the qualifier that was asked for.

    From a bucket, it may also lead to a queue or a topic, of the ARN `target`; there is no `function` then.
    """

    logical_id: str
    function: str
    target: str
    push: Push


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A part of the template that cannot be run, with the reason in words and the line of the template's file."""

    logical_id: str
    type: str
    reason: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class WantedResource:
    """A resource to make; `name` is for it if its properties give none, `attributes` will be asked for.

    `pushes` are what it is to have for functions.
    """

    logical_id: str
    type: str
    name: str
    properties: Mapping[str, Any]
    attributes: frozenset[str] = frozenset()
    pushes: tuple[Push, ...] = ()


@dataclass(frozen=True, slots=True)
class MadeResource:
    """What a resource that was made answers to `Ref` and to `Fn::GetAtt`; `notes` say what of it was left out.

    `pushes` are what it has for functions.
    """

    ref: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    pushes: tuple[Push, ...] = ()


@dataclass(frozen=True, slots=True)
class Template:
    """A whole template, resolved; functions are keyed by logical id, `files` lie beside it and are part of it.

    `others` has the type of each resource, by logical id, that is no part of a Samlet but could be made in an AWS.
    """

    path: Path
    region: str
    account: str
    functions: Mapping[str, Function]
    apis: tuple[HttpApi, ...] = ()
    function_urls: tuple[HttpApi, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    kafka_mappings: tuple[KafkaMapping, ...] = ()
    queue_mappings: tuple[QueueMapping, ...] = ()
    push_mappings: tuple[PushMapping, ...] = ()
    unsupported: tuple[Unsupported, ...] = ()
    outputs: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)
    # Logical id, type and what becomes of it here: `run`, `elsewhere` (made in moto, or left to the user's AWS)
    # or `no effect`; the others are `unsupported`, and some of these are so in part.
    resources: tuple[tuple[str, str, str], ...] = ()
    files: tuple[Path, ...] = ()
