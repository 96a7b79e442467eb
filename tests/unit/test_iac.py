"""The files of iac/ as texts: clean, priced, true to what they say of themselves, and no wider than they must be."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from cfnlint.api import ManualArgs, lint_file
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

import stacks

EVERY_STACK = sorted(path.stem for path in stacks.IAC.glob("*.yaml"))
# Statements with "*" that have to be so, by stack and Sid (or place), with the reason.
WIDE = {
    "network SecretsEndpoint.0 Principal": "an endpoint's policy; the condition names the account",
    "kafka Key.0 Action": "the account's own grant in its key's policy; without it nobody could ever change the key",
    "kafka Key.0 Resource": "in a key's policy * is this key",
    "web BucketPolicy.1 Action": "a denial",
    "web BucketPolicy.1 Principal": "a denial",
    "delivery NetworkInterfaces Resource": "Lambda asks for these without a resource",
    "delivery Traces Resource": "X-Ray knows no resources",
    "delivery Mappings Resource": "AWS names a mapping; the condition names its function",
    "delivery Look Resource": "these calls take no resource",
    "delivery Functions Action": "of this stage's functions and layers alone",
    "delivery Schedules Action": "of this stage's rules and schedules alone",
    "delivery Logs Action": "of this stage's log groups alone",
    "delivery RollOut Action": "of this stage's applications alone",
}


@pytest.mark.parametrize("name", EVERY_STACK)
def test_cfn_lint_finds_nothing(name: str) -> None:
    faults = lint_file(stacks.IAC / f"{name}.yaml", config=ManualArgs(regions=[stacks.REGION]))
    assert [str(fault) for fault in faults] == []


@pytest.mark.parametrize("name", stacks.NAMES)
def test_a_header_says_what_is_made_what_it_costs_and_what_it_gives(name: str) -> None:
    header = stacks.header(name)
    assert header.startswith("# Makes: ")
    assert "Costs a month at rest" in header
    assert re.search(r"list prices?,\s(# )?check before use", header)
    (gives,) = re.findall(r"# Gives: (.*?)\n#\n", header, re.DOTALL)
    assert re.findall(r"\w+", gives) == list(stacks.read(name)["Outputs"])


@pytest.mark.parametrize("name", stacks.NAMES)
def test_the_sums_of_a_header_are_right(name: str) -> None:
    sums = list(_sums(stacks.header(name)))
    for calculation, result in sums:
        assert round(_value(calculation), 2) == pytest.approx(result), calculation
    assert sums or name == "web", "no price is worked out"


def _sums(header: str) -> Iterator[tuple[str, float]]:
    for line in header.splitlines():
        if found := re.search(r"(.*)=\s+([\d.,]+) \$", line):
            calculation = re.split(r":\s|\s{2,}", found[1].rstrip())[-1]
            if re.search(r"\d.* (x|\+) ", calculation):
                yield calculation, float(found[2])


def _value(calculation: str) -> float:
    """`2 endpoints x 730 x (0.052 + 0.005 address) $` without its words."""
    bare = re.sub(r"\((?=[a-z])[^)]*\)|, kept.*", "", calculation)
    arithmetic = "".join(re.findall(r"[\d.]+(?!\w)|[()+]|(?<= )x(?= )", bare)).replace("x", "*")
    return float(eval(arithmetic, {"__builtins__": {}}))


@pytest.mark.parametrize("name", stacks.NAMES)
def test_every_parameter_is_described_and_no_output_is_bound_by_an_export(name: str) -> None:
    template = stacks.read(name)
    assert [key for key, declared in template["Parameters"].items() if not declared.get("Description")] == []
    assert [key for key, output in template["Outputs"].items() if "Export" in output] == []


@pytest.mark.parametrize("name", stacks.NAMES)
def test_the_table_of_the_readme_names_each_output(name: str) -> None:
    readme = (stacks.IAC / "README.md").read_text()
    (row,) = [line for line in readme.splitlines() if re.match(rf"\| [\d—]+ \| `{name}.yaml` \|", line)]
    assert set(re.findall(r"`(\w+)`", row.split("|")[4])) == set(stacks.read(name)["Outputs"])


@pytest.mark.parametrize("name", EVERY_STACK)
def test_a_new_version_replaces_nothing_that_has_a_fixed_name(name: str) -> None:
    """CloudFormation makes the new one before it deletes the old one, and the name is taken."""
    for logical_id, resource in stacks.read(name)["Resources"].items():
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(stacks.REGION, resource["Type"]).schema
        replacing = [path.removeprefix("/properties/") for path in schema.get("createOnlyProperties", [])]
        given = {key: str(resource.get("Properties", {}).get(key, "")) for key in replacing}
        if any(key.endswith(("Name", "Identifier")) and it for key, it in given.items()):
            assert [key for key, it in given.items() if "Version'}" in it] == [], logical_id


def test_the_database_logs_no_statement_with_its_values() -> None:
    """PostgreSQL writes the values of a statement it logs beside it: addresses, hashes of passwords and of tokens."""
    parameters = stacks.read("data")["Resources"]["Settings"]["Properties"]["Parameters"]
    assert [name for name in parameters if name.startswith("log_")] == []


def test_nothing_is_allowed_to_more_than_it_has_to_be() -> None:
    found = {f"{name} {where}" for name in stacks.NAMES for where in _wide(stacks.read(name)["Resources"])}
    assert found == set(WIDE)


def _wide(resources: dict[str, Any]) -> Iterator[str]:
    for logical_id, resource in resources.items():
        for place, statement in enumerate(_statements(resource)):
            where = statement.get("Sid", f"{logical_id}.{place}")
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            if any(action.endswith("*") for action in actions):
                yield f"{where} Action"
            for field in ("Resource", "Principal"):
                if statement.get(field) in ("*", ["*"], {"AWS": "*"}):
                    yield f"{where} {field}"


def _statements(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if "Effect" in node and "Action" in node:
            yield node
        else:
            for value in node.values():
                yield from _statements(value)
    elif isinstance(node, list):
        for value in node:
            yield from _statements(value)
