"""docs/reference/parity.md is what its sources say, and the tests that it names are there: `make parity` writes it."""

import ast
import importlib.util
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

CHECKOUT = Path(__file__).resolve().parents[2]


def _parity() -> ModuleType:
    spec = importlib.util.spec_from_file_location("parity", CHECKOUT / "docs/reference/parity.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


parity = _parity()


def cells() -> Iterator[tuple[str, str, str, list[str]]]:
    """Every claim: behaviour, place, how, tests."""
    for rows in parity.behaviours().values():
        for row in rows:
            for place in parity.PLACES:
                for how in row[place].keys() - {"says"}:
                    yield row["what"], place, how, row[place][how]


@cache
def names_in(path: str) -> frozenset[str]:
    """The tests that a file defines, or takes over from another one."""
    tree = ast.parse((CHECKOUT / path).read_text())
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    imported = {name.name for node in tree.body if isinstance(node, ast.ImportFrom) for name in node.names}
    return frozenset(name for name in defined | imported if name.startswith("test_"))


def test_the_page_is_what_its_sources_say() -> None:
    page = CHECKOUT / "docs" / "reference" / "parity.md"
    assert page.read_text("utf-8") == parity.page(), "parity.md is behind its sources: run `make parity`"


def test_every_test_that_is_named_exists() -> None:
    named = {test for *_, tests in cells() for test in tests}
    assert named
    gone = {test for test in named if test.split("::")[1] not in names_in(test.split("::")[0])}
    assert gone == set()


def test_every_behaviour_has_a_claim_for_every_place() -> None:
    for rows in parity.behaviours().values():
        for row in rows:
            assert row.keys() == {"what", *parity.PLACES}, row["what"]
            for place in parity.PLACES:
                claims = row[place].keys() - {"says"}
                assert claims, f"{row['what']}: how was it checked, {place}?"
                assert claims <= parity.MARKS.keys(), row["what"]
                assert "untried" not in claims or claims == {"untried"}, row["what"]


def test_the_nine_guarantees_come_first() -> None:
    first = next(iter(parity.behaviours().values()))
    assert [row["what"] for row in first] == [f"G{number}" for number in range(1, 10)]


def test_a_mark_is_not_claimed_without_a_test_of_its_kind() -> None:
    for what, place, how, tests in cells():
        folders = {test.split("/")[1] for test in tests}
        match how:
            case "run":
                assert tests, what
                assert place != "aws", f"{what}: nothing has been run on a real account"
                assert (folders == {"compose"}) == (place == "compose"), what
            case "read":
                assert tests, what
                assert "compose" not in folders, what
            case "hand" | "untried":
                assert not tests, what
                assert (how, place) != ("hand", "aws"), f"{what}: nothing has been run on a real account"


def test_every_test_of_the_containers_that_bears_a_guarantee_is_on_the_page() -> None:
    named = {test for *_, tests in cells() for test in tests}
    for path in (CHECKOUT / "tests" / "compose").glob("test_*.py"):
        relative = str(path.relative_to(CHECKOUT))
        for name in names_in(relative):
            assert not name.startswith("test_g") or f"{relative}::{name}" in named, name
