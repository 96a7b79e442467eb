"""Expands a SAM document to the CloudFormation that AWS would get, by AWS's own translator."""

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samlet.errors import TemplateError
from samlet.template import local_paths, reader
from samlet.template.parameters import ParameterValue

SAM = "AWS::Serverless-2016-10-31"


@dataclass(frozen=True)
class _Session:
    """Stands for a boto3 session: the translator asks it for the region and nothing else."""

    region_name: str


class _NoFeatures:
    """Says no to each feature that AWS may switch on; the translator's own answer is the same, with a warning each."""

    def is_enabled(self, _feature_name: str) -> bool:
        return False


def transforms(document: Mapping[str, Any]) -> list[str]:
    """The names of the document's transforms."""
    declared = document.get("Transform") or []
    items = declared if isinstance(declared, list) else [declared]
    return [str(item.get("Name")) if isinstance(item, dict) else str(item) for item in items]


def expand(
    document: dict[str, Any],
    parameters: Mapping[str, ParameterValue],
    resolve: Callable[[Any, str], Any],
    *,
    root: Path,
    region: str,
    texts: reader.Texts | None = None,
) -> dict[str, Any]:
    """The document with every `AWS::Serverless::…` resource expanded; `root` is where its relative paths start."""
    serverless = [key for key, value in document["Resources"].items() if value["Type"].startswith("AWS::Serverless::")]
    if SAM not in transforms(document):
        if serverless:
            raise TemplateError(f"Resources.{serverless[0]}.Type: needs `Transform: {SAM}` in the template")
        return document
    document = copy.deepcopy(document)
    local_paths.swap_in(document, resolve)
    _inline_definitions(document, root, texts or reader.Texts())
    return _translate(document, parameters, region) if serverless else document


def _definitions(document: Mapping[str, Any]) -> list[tuple[str, dict[str, Any], str]]:
    """Logical id, properties and local file of each HTTP API that names one."""
    found = []
    for logical_id, resource in document["Resources"].items():
        properties = resource.get("Properties") or {}
        uri = properties.get("DefinitionUri")
        if resource["Type"] == "AWS::Serverless::HttpApi" and isinstance(uri, str) and "://" not in uri:
            found.append((logical_id, properties, uri))
    return found


def _inline_definitions(document: dict[str, Any], root: Path, texts: reader.Texts) -> None:
    """Puts OpenAPI documents of HTTP APIs that lie beside the template into it."""
    for logical_id, properties, uri in _definitions(document):
        try:
            properties["DefinitionBody"] = reader.parse(texts.of(root / uri))
        except reader.MalformedText as error:
            raise TemplateError(f"{root / uri}:{error.line or 1}: {error}") from error
        except TemplateError as error:
            raise TemplateError(f"Resources.{logical_id}.Properties.DefinitionUri: {uri} {error}") from error
        del properties["DefinitionUri"]


def _translate(document: dict[str, Any], parameters: Mapping[str, ParameterValue], region: str) -> dict[str, Any]:
    # Imported here: it takes half a second, and a plain CloudFormation template needs none of it.
    from samtranslator.model.exceptions import ExceptionWithMessage, InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    translator = Translator({}, Parser(), boto_session=_Session(region))
    try:
        expanded = translator.translate(
            document, dict(parameters), feature_toggle=_NoFeatures(), get_managed_policy_map=dict
        )
    except InvalidDocumentException as error:
        raise TemplateError("; ".join(cause.message for cause in error.causes)) from error
    except ExceptionWithMessage as error:
        raise TemplateError(error.message) from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # The translator trusts some shapes that a template may get wrong.
        raise TemplateError(f"aws-sam-translator cannot expand it: {type(error).__name__} {error}") from error
    finally:
        translator.metrics.publish()  # they go nowhere; unpublished ones make it complain when it is collected
    # Through JSON: the translator shares parts and uses dictionaries of its own kinds.
    result: dict[str, Any] = json.loads(json.dumps(expanded))
    return result
