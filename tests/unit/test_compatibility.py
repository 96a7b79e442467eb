"""docs/reference/compatibility.md is what its sources say: `make compatibility` writes it."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

CHECKOUT = Path(__file__).resolve().parents[2]


def _compatibility() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compatibility", CHECKOUT / "docs/reference/compatibility.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


compatibility = _compatibility()


def test_the_page_is_what_its_sources_say() -> None:
    assert (CHECKOUT / "docs/reference/compatibility.md").read_text("utf-8") == compatibility.page()


def test_no_kept_result_speaks_of_a_test_that_is_gone() -> None:
    known = {f"{feature.module}::{feature.test}" for _, rows in compatibility.features() for feature in rows}
    for target in compatibility.others():
        gone = {name for name in target["outcomes"] if name.partition("[")[0] not in known}
        assert not gone, f"{target['target']}: ask it again"


def test_a_feature_of_which_some_cases_fail_is_there_in_part() -> None:
    feature = compatibility.Feature("http_api", "test_x", assumed=False)
    assert compatibility.mark(feature, {"http_api::test_x[a]": "yes", "http_api::test_x[b]": "no"}) == "partly"
    assert compatibility.mark(feature, {"http_api::test_x": "no", "http_api::test_xy": "yes"}) == "**no**"
    assert compatibility.mark(feature, {"http_api::test_x": "not offered"}) == "–"
    assert compatibility.mark(feature, {"invoke_api::test_x": "yes"}) == "*not tried*"
    assert "| *not tried* |" in compatibility.page()
