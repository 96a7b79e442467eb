"""Mappings of queues that moto made, as the template says them."""

from pathlib import Path
from textwrap import dedent

import pytest

from samlet.errors import TemplateError
from samlet.template import load

from .conftest import EachMade

TEXT = """
    Resources:
      F: {{Type: AWS::Lambda::Function, Properties: {{Runtime: python3.13, Handler: a.b, Code: code}}}}
      Q: {{Type: AWS::SQS::Queue}}
      M:
        Type: AWS::Lambda::EventSourceMapping
        Properties: {{FunctionName: !Ref F, EventSourceArn: !GetAtt Q.Arn{more}}}
"""


def _written(folder: Path, more: str) -> Path:
    (folder / "code").mkdir()
    path = folder / "template.yaml"
    path.write_text(dedent(TEXT.format(more=more)))
    return path


@pytest.mark.parametrize(
    ("more", "partial"), [("", False), (", FunctionResponseTypes: [ReportBatchItemFailures]", True)]
)
def test_a_queues_mapping_takes_partial_failures_where_it_says_so(tmp_path: Path, more: str, *, partial: bool) -> None:
    [mapping] = load(_written(tmp_path, more), {}, maker=EachMade("q")).queue_mappings
    assert (mapping.function, mapping.arn) == ("F", "arn:aws:sqs:eu-central-1:000000000000:q")
    assert mapping.partial_failures is partial


def test_a_slip_in_what_a_function_answers_is_refused(tmp_path: Path) -> None:
    path = _written(tmp_path, ", FunctionResponseTypes: [ReportFailures]")
    with pytest.raises(TemplateError, match="FunctionResponseTypes: takes ReportBatchItemFailures, not ReportFailures"):
        load(path, {}, maker=EachMade("q"))
