"""Writes compatibility.md from the conformance suite and the kept results of other emulators: `make compatibility`.

A row is a test; its name is the sentence that it proves. Samlet's column is the suite's own run, which is part of
`make test`, so that a "no" cannot be there. What others do is read from compatibility/*.json.
"""

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
SUITE = CHECKOUT / "tests" / "conformance"

_HEAD = """# Compatibility

What AWS does, and who does it on a laptop. Each row is a test of the
[conformance suite](../../tests/conformance/README.md), which speaks public protocols only: HTTP, Lambda's Invoke API as
boto3 speaks it, and Kafka. `make compatibility` writes this page.

| mark | means |
|---|---|
| yes, **no** | the test passed, or failed |
| partly | some of the test's cases passed |
| – | not offered: there is no such door |
| *not tried* | nobody has put the test to this target: it was written after the target was asked, on the date below |

Samlet's column is the run of `make test`: its tests pass, or there is no release. **The suite has not been run on AWS
yet**; its expectations come from AWS's documentation and from captures, and *assumed* marks what neither says. How to
point it at AWS, or at anything else, stands in the suite's README.
"""


@dataclass(frozen=True)
class Feature:
    """One test: its sentence, whether AWS's side of it is assumed, and its keys in the results."""

    module: str
    test: str
    assumed: bool

    @property
    def sentence(self) -> str:
        """The test's name as a sentence."""
        return self.test.removeprefix("test_").replace("_", " ")


def features() -> Iterator[tuple[str, list[Feature]]]:
    """The sections of the suite, each with its features in the order of the file."""
    for file in sorted(SUITE.glob("test_*.py")):
        tree = ast.parse(file.read_text("utf-8"))
        title = (ast.get_docstring(tree) or "").splitlines()[0].partition(";")[0].removesuffix(".")
        tests = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
        yield title, [Feature(file.stem.removeprefix("test_"), node.name, _assumed(node)) for node in tests]


def _assumed(test: ast.FunctionDef) -> bool:
    return "pytest.mark.assumed" in {ast.unparse(decorator) for decorator in test.decorator_list}


def others() -> list[dict[str, Any]]:
    """The kept results of other targets, by the name of their file."""
    return [json.loads(file.read_text("utf-8")) for file in sorted((HERE / "compatibility").glob("*.json"))]


def mark(feature: Feature, outcomes: dict[str, str]) -> str:
    """What the results say of a feature, over all of its cases."""
    key = f"{feature.module}::{feature.test}"
    found = {outcome for name, outcome in outcomes.items() if name == key or name.startswith(f"{key}[")}
    if not found:
        return "*not tried*"
    if len(found) > 1:
        return "partly"
    return {"yes": "yes", "no": "**no**", "not offered": "–"}[found.pop()]


def page() -> str:
    """The whole document."""
    targets = others()
    parts = [_HEAD]
    for title, rows in features():
        heads = [title, "AWS", "Samlet", *(target["target"] for target in targets)]
        parts.append(f"\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}\n")
        for feature in rows:
            cells = [mark(feature, target["outcomes"]) for target in targets]
            aws = "*assumed*" if feature.assumed else "documented"
            parts.append(f"| {' | '.join([feature.sentence, aws, 'yes', *cells])} |\n")
    parts.append("\n## Who was asked\n\n| target | version | asked on | how |\n|---|---|---|---|\n")
    parts += [
        f"| {target['target']} | {target['version']} | {target['date']} | {target['how']} |\n" for target in targets
    ]
    return "".join(parts)


if __name__ == "__main__":
    (HERE / "compatibility.md").write_text(page(), "utf-8")
