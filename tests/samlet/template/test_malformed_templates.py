"""Whatever is wrong with a template, the answer is a TemplateError: never an error of the reader's own."""

import contextlib
import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from samlet.errors import TemplateError
from samlet.template import load

_FUNCTION = {
    "Runtime": "python3.13",
    "Handler": "a.b",
    "Layers": [{"Ref": "L"}],
    "Environment": {"Variables": {"A": "b"}},
}
DOCUMENT: dict[str, Any] = {
    "Transform": "AWS::Serverless-2016-10-31",
    "Parameters": {"P": {"Type": "Number", "Default": 1, "MaxValue": 5, "AllowedValues": [1, 2]}},
    "Mappings": {"M": {"a": {"b": "c"}}},
    "Conditions": {"C": {"Fn::Equals": [{"Ref": "P"}, 1]}},
    "Globals": {"Function": {"CodeUri": "."}},
    "Resources": {
        "L": {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "."}},
        "F": {
            "Type": "AWS::Serverless::Function",
            "Condition": "C",
            "Properties": {
                **_FUNCTION,
                "EventInvokeConfig": {"MaximumRetryAttempts": 1},
                "Events": {
                    "H": {"Type": "HttpApi", "Properties": {"Method": "GET", "Path": "/", "ApiId": {"Ref": "A"}}},
                    "S": {"Type": "Schedule", "Properties": {"Schedule": "rate(1 day)"}},
                    "V": {"Type": "ScheduleV2", "Properties": {"ScheduleExpression": "rate(1 day)"}},
                },
            },
        },
        "A": {"Type": "AWS::Serverless::HttpApi", "Properties": {"CorsConfiguration": {"AllowOrigins": ["*"]}}},
        "K": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "FunctionName": {"Fn::Sub": "${F}"},
                "Topics": ["t"],
                "StartingPosition": "LATEST",
                "BatchSize": {"Fn::If": ["C", 1, 2]},
                "SelfManagedEventSource": {"Endpoints": {"KafkaBootstrapServers": [{"Fn::Join": [":", ["a", "1"]]}]}},
                "FilterCriteria": {"Filters": [{"Pattern": '{"key": [1]}'}]},
            },
        },
    },
    "Outputs": {"O": {"Value": {"Fn::FindInMap": ["M", "a", "b"]}}},
}


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if place:
        yield place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _places(item, (*place, key))


_WRONG: list[Any] = [
    *(None, True, -1, 1.5, "", "x", [], {}, [None], [{}], {"a": "b"}),
    *(
        {"Ref": "Nobody"},
        {"Ref": ["a"]},
        {"Ref": "AWS::NoValue"},
        {"Fn::GetAtt": ["A"]},
        {"Fn::Sub": 1},
        {"Fn::If": [1]},
    ),
]


def test_the_document_itself_is_well_formed(tmp_path: Path) -> None:
    path = tmp_path / "template.json"
    path.write_text(json.dumps(DOCUMENT))
    template = load(path, {})
    assert template.unsupported == ()
    assert len(template.schedules) == 2


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(place=st.sampled_from(list(_places(DOCUMENT))), wrong=st.sampled_from(_WRONG))
@example(place=("Resources", "K", "Properties", "FunctionName", "Fn::Sub"), wrong=[])
def test_one_wrong_value_anywhere_is_a_template_error_or_none_at_all(
    tmp_path: Path, place: tuple[Any, ...], wrong: Any
) -> None:
    document = copy.deepcopy(DOCUMENT)
    parent = document
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = wrong
    path = tmp_path / "template.json"
    path.write_text(json.dumps(document))
    with contextlib.suppress(TemplateError):
        load(path, {})


@pytest.mark.parametrize("name", ["template.json", "template.yaml"])
def test_an_error_begins_with_the_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("{")
    with pytest.raises(TemplateError, match=f"^{path}:1: "):
        load(path, {})
