"""What resources answer to `Ref` and `Fn::GetAtt`: local stand-ins in the shape that AWS gives them."""

from collections.abc import Callable, Mapping
from typing import Any

from samlet.template.parameters import as_text

_NAME_PROPERTIES = (
    "FunctionName",
    "Name",
    "BucketName",
    "QueueName",
    "TopicName",
    "TableName",
    "RoleName",
    "LayerName",
)


_REFERRED_BY_ARN = (
    "AWS::Lambda::Alias",
    "AWS::Lambda::LayerVersion",
    "AWS::Lambda::Url",
    "AWS::Lambda::Version",
    "AWS::SNS::Topic",
)


class Identities:
    """Names and ARNs of the resources of one template; `resolve` gives the value of a property.

    `urls` knows where function URLs are served, by logical id.
    """

    def __init__(
        self,
        resources: Mapping[str, Any],
        resolve: Callable[[Any, str], Any],
        *,
        region: str,
        account: str,
        urls: Callable[[str], str] | None = None,
    ) -> None:
        self._resources = resources
        self._resolve = resolve
        self._region = region
        self._account = account
        self._urls = urls or (lambda name: f"https://{name.lower()}.lambda-url.{region}.on.aws/")

    def ref(self, logical_id: str) -> Any:
        """The value of `Ref`; raises LookupError with the reason if there is no such resource."""
        kind = self._kind(logical_id)
        if kind in _REFERRED_BY_ARN:
            return self.arn(logical_id)
        if kind == "AWS::SQS::Queue":
            return f"https://sqs.{self._region}.amazonaws.com/{self._account}/{self.name(logical_id)}"
        if kind.startswith(("AWS::ApiGateway::", "AWS::ApiGatewayV2::")):
            return logical_id if not kind.endswith("::Stage") else self._property(logical_id, "StageName", logical_id)
        return self.name(logical_id)

    def attribute(self, logical_id: str, name: str) -> Any:
        """The value of `Fn::GetAtt`; raises LookupError with the reason if there is no such resource."""
        kind = self._kind(logical_id)
        if name == "ApiEndpoint":
            return f"https://{logical_id}.execute-api.{self._region}.amazonaws.com"
        if kind == "AWS::Lambda::Version" and name == "Version":
            return "1"
        if kind == "AWS::Lambda::Url" and name == "FunctionUrl":
            return self._urls(logical_id)
        if kind == "AWS::ApiGatewayV2::Api" and name == "ApiId":
            return logical_id
        if name == "Arn" or name.endswith("Arn"):
            return self.arn(logical_id)
        return f"{logical_id}.{name}"

    def arn(self, logical_id: str) -> str:
        """An ARN in AWS's shape, with the resource's name in it."""
        kind = self._kind(logical_id)
        own = f"{self._region}:{self._account}"
        if kind == "AWS::Lambda::Function":
            return f"arn:aws:lambda:{own}:function:{self.name(logical_id)}"
        if kind in ("AWS::Lambda::Alias", "AWS::Lambda::Version"):
            function = str(self._property(logical_id, "FunctionName", "")).rpartition(":function:")[2].split(":")[0]
            qualifier = self._property(logical_id, "Name", logical_id) if kind.endswith("Alias") else "1"
            return f"arn:aws:lambda:{own}:function:{function}:{qualifier}"
        if kind == "AWS::Lambda::Url":
            target = str(self._property(logical_id, "TargetFunctionArn", logical_id))
            return target if target.startswith("arn:") else f"arn:aws:lambda:{own}:function:{target}"
        if kind == "AWS::Lambda::LayerVersion":
            return f"arn:aws:lambda:{own}:layer:{logical_id}:1"
        if kind == "AWS::Events::Rule":
            return f"arn:aws:events:{own}:rule/{self.name(logical_id)}"
        if kind == "AWS::IAM::Role":
            return f"arn:aws:iam::{self._account}:role/{self.name(logical_id)}"
        if kind == "AWS::S3::Bucket":
            return f"arn:aws:s3:::{self.name(logical_id)}"
        service = kind.split("::")[1].lower() if kind.count("::") == 2 else "custom"
        return f"arn:aws:{service}:{own}:{self.name(logical_id)}"

    def made_arn(self, service: str, ref: str) -> str:
        """The ARN of a resource that was made, by what `Ref` gives: that, its name, or a URL that ends with it."""
        name = ref.rpartition("/")[2]
        if service == "s3":
            return f"arn:aws:s3:::{name}"
        return ref if ref.startswith("arn:") else f"arn:aws:{service}:{self._region}:{self._account}:{name}"

    def name(self, logical_id: str) -> str:
        """The name that the template gives the resource, else its logical id."""
        properties = self._resources[logical_id].get("Properties") or {}
        given = next((name for name in _NAME_PROPERTIES if isinstance(properties.get(name), str | dict)), None)
        if given:
            return str(self._property(logical_id, given, logical_id))
        if self._kind(logical_id) == "AWS::S3::Bucket":
            return _bucket_name(logical_id)
        return f"{logical_id}.fifo" if self._is_fifo(logical_id, properties) else logical_id

    def _is_fifo(self, logical_id: str, properties: Mapping[str, Any]) -> bool:
        """Whether it is a queue or a topic whose name has to say that it keeps the order."""
        asked = [word for word in ("FifoQueue", "FifoTopic") if word in properties]
        place = f"Resources.{logical_id}.Properties"
        return any(as_text(self._resolve(properties[word], f"{place}.{word}")).lower() == "true" for word in asked)

    def _kind(self, logical_id: str) -> str:
        if logical_id not in self._resources:
            raise LookupError("no such parameter or resource")
        return str(self._resources[logical_id]["Type"])

    def _property(self, logical_id: str, name: str, default: str) -> Any:
        properties = self._resources[logical_id].get("Properties") or {}
        resolved = self._resolve(properties.get(name, default), f"Resources.{logical_id}.Properties.{name}")
        return resolved if isinstance(resolved, str) else default


def _bucket_name(logical_id: str) -> str:
    """What a bucket is called that the template gives no name: S3 takes three small letters at least."""
    return logical_id.lower() if len(logical_id) > 2 else f"{logical_id.lower()}-bucket"
