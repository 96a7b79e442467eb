"""Function URLs of a template."""

from samlet.model import HttpApi, IamAuthorizer, Route
from samlet.template.http_apis import cors_of
from samlet.template.origins import note_origins
from samlet.template.stack import Stack

_AS_LONG_AS_IT_TAKES = 900_000  # ms: a URL has no time-out of its own, and no function has a longer one


def function_urls(stack: Stack, runnable: set[str]) -> tuple[HttpApi, ...]:
    """Every function URL that can be served; the others are noted as unsupported."""
    found = []
    for resource in stack.of_type("AWS::Lambda::Url"):
        target = resource.properties.text("TargetFunctionArn")
        function = stack.function_at(target)
        mode = resource.properties.choice("InvokeMode", "BUFFERED", "BUFFERED", "RESPONSE_STREAM")
        if function is None or function not in runnable:
            stack.refuse(resource, f"TargetFunctionArn: {function or target} is no function that is run here")
        else:
            signed = resource.properties.choice("AuthType", None, "NONE", "AWS_IAM") == "AWS_IAM"
            authorizer = IamAuthorizer("lambda") if signed else None
            route = Route("ANY", "$default", function, _AS_LONG_AS_IT_TAKES, authorizer)
            cors = cors_of(resource.properties.inner("Cors")) if "Cors" in resource.properties else None
            note_origins(stack, resource, "Cors.AllowOrigins", cors.allow_origins if cors else ())
            streamed = mode == "RESPONSE_STREAM"
            found.append(HttpApi(resource.logical_id, (route,), cors, function_url=True, streamed=streamed))
    return tuple(found)
