"""Stages of an HTTP API: their variables, throttling and access logs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from samlet.model import Throttle
from samlet.template.properties import Properties
from samlet.template.stack import Resource, Stack

DEFAULT = "$default"
_ACCOUNT = Throttle(burst=5_000, rate=10_000)  # what AWS grants an account: the half that a stage leaves out
_MOST = 1_000_000


@dataclass(frozen=True)
class Stage:
    """One stage; `throttling` is keyed by route key, and what it does not name has the `usual` one."""

    name: str = DEFAULT
    variables: Mapping[str, str] = field(default_factory=dict)
    access_log: str | None = None
    usual: Throttle | None = None
    throttling: Mapping[str, Throttle | None] = field(default_factory=dict)
    resource: Resource | None = None

    def throttle(self, key: str) -> Throttle | None:
        """What a route may take."""
        return self.throttling.get(key, self.usual)


def stages(stack: Stack, api: str) -> tuple[Stage, ...]:
    """The stages of an API, `$default` first; without any, there is that one."""
    found = [_stage(each) for each in stack.of_type("AWS::ApiGatewayV2::Stage") if each.properties.text("ApiId") == api]
    found.sort(key=lambda stage: stage.name != DEFAULT)
    return tuple(found) or (Stage(),)


def note_undeployed(stack: Stack, api: Resource) -> None:
    """Notes what AWS would not serve of an API, though it is served here: stages to which nothing is deployed."""
    own = [
        each for each in stack.of_type("AWS::ApiGatewayV2::Stage") if each.properties.text("ApiId") == api.logical_id
    ]
    # A quick create, by `Target`, makes the stage $default and deploys to it.
    if not own and "Target" not in api.properties:
        stack.refuse(api, "has no stage, so AWS would serve nothing; add an AWS::ApiGatewayV2::Stage, AutoDeploy: true")
    deployments = [each.properties for each in stack.of_type("AWS::ApiGatewayV2::Deployment")]
    named = {each.text("StageName", "") for each in deployments if each.text("ApiId", "") == api.logical_id}
    for stage in own:
        automatic = stage.properties.boolean("AutoDeploy", default=False)
        name = stage.properties.text("StageName")
        if not automatic and "DeploymentId" not in stage.properties and name not in named:
            reason = f"nothing is deployed to {name}, so AWS would serve nothing there; set AutoDeploy: true"
            stack.refuse(stage, f"AutoDeploy: {reason}")


def _stage(resource: Resource) -> Stage:
    properties = resource.properties
    variables = properties.inner("StageVariables")
    usual = _throttle(properties.inner("DefaultRouteSettings"), None)
    by_route = properties.inner("RouteSettings")
    log = properties.inner("AccessLogSettings")
    return Stage(
        name=properties.text("StageName"),
        variables={name: variables.text(name) for name in variables},
        access_log=log.text("Format") if log.values else None,
        usual=usual,
        throttling={key: _throttle(by_route.inner(key), usual) for key in by_route},
        resource=resource,
    )


def _throttle(properties: Properties, usual: Throttle | None) -> Throttle | None:
    if "ThrottlingBurstLimit" not in properties and "ThrottlingRateLimit" not in properties:
        return usual
    rest = usual or _ACCOUNT
    burst = properties.integer("ThrottlingBurstLimit", rest.burst, low=0, high=_MOST)
    return Throttle(burst, _rate(properties, rest.rate))


def _rate(properties: Properties, usual: float) -> float:
    text = properties.text("ThrottlingRateLimit", str(usual))
    try:
        rate = float(text)
    except ValueError:
        rate = -1
    if not 0 <= rate <= _MOST:
        raise properties.error("ThrottlingRateLimit", f"needs a number from 0 to {_MOST}, not {text}")
    return rate
