"""G9, as far as a laptop can show it: the one template holds nothing that is for the laptop only."""

import ast
import re
from pathlib import Path

import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
TEMPLATE = (CHECKOUT / "template.yaml").read_text()
FUNCTIONS = sorted(path.parent.name for path in CHECKOUT.glob("functions/*/handler.py"))


def test_g9_the_template_knows_nothing_of_the_local_runtime() -> None:
    assert not re.search(r"samlet|localhost|127\.0\.0\.1|laptop", TEMPLATE, re.IGNORECASE)


def test_g9_no_function_asks_where_it_runs() -> None:
    sources = [*CHECKOUT.glob("functions/**/*.py"), *CHECKOUT.glob("layers/common/python/**/*.py")]
    for source in sources:
        words = {node.value for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.Constant)}
        strings = {word for word in words if isinstance(word, str)}
        assert not {word for word in strings if word.startswith("SAMLET_") or word == "AWS_SAM_LOCAL"}, source


def test_g9_each_function_is_described_once_and_can_be_built_alone() -> None:
    class Loader(yaml.SafeLoader):
        """Reads CloudFormation's short tags as plain values."""

    Loader.add_multi_constructor("!", lambda loader, _suffix, node: loader.construct_scalar(node)
                                 if isinstance(node, yaml.ScalarNode) else None)  # fmt: skip
    resources = yaml.load(TEMPLATE, Loader)["Resources"]
    functions = {name: it for name, it in resources.items() if it["Type"] == "AWS::Serverless::Function"}
    handlers = sorted(it["Properties"]["Handler"].split(".")[0] for it in functions.values())
    makefile = (CHECKOUT / "functions" / "Makefile").read_text()
    assert handlers == FUNCTIONS
    for name, it in functions.items():
        assert it["Metadata"] == {"BuildMethod": "makefile"}
        folder = it["Properties"]["Handler"].split(".")[0]
        assert re.search(rf"^build-{name}:\s*; \$\(call copy,{folder}\)$", makefile, re.MULTILINE), name
