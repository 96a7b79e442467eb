"""The committed REST contract is what the code does; `make contracts` writes it anew."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

CHECKOUT = Path(__file__).resolve().parents[2]


def rest_contract() -> ModuleType:
    spec = importlib.util.spec_from_file_location("rest_contract", CHECKOUT / "docs/contracts/rest_contract.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_documents_are_those_of_the_code() -> None:
    for path, text in rest_contract().documents().items():
        assert path.read_text("utf-8") == text, f"{path.relative_to(CHECKOUT)} is behind the code: run `make contracts`"


def test_the_contract_has_every_route_of_the_product() -> None:
    document = json.loads((CHECKOUT / "docs/contracts/rest/openapi.json").read_text("utf-8"))
    operations = {f"{method} {path}" for path, methods in document["paths"].items() for method in methods}
    assert operations == {
        "post /auth/register",
        "post /auth/login",
        "post /auth/refresh",
        "post /auth/logout",
        "get /me",
        "patch /me",
        "delete /me",
        "get /tasks",
        "post /tasks",
        "get /tasks/{task_id}",
        "patch /tasks/{task_id}",
        "delete /tasks/{task_id}",
        "post /tasks/{task_id}/restore",
        "get /healthz",
    }
