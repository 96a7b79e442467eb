"""Writes parity.md, what is the same on the laptop, in containers and on AWS, and how that was checked: `make parity`.

The first tables are read from template.yaml, docker-compose.yml and the stacks; the behaviours stand in parity.toml.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from samlet.model import Function, KafkaMapping, Template
from samlet.template import load, reader

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
PLACES = {"laptop": "laptop", "compose": "compose", "aws": "AWS"}
MARKS = {"run": "run", "read": "read", "same": "same code", "hand": "by hand", "untried": "not tried"}

_HEAD = """# Parity

The same functions and the same template on a laptop (`make run`), in containers (`make deploy-local`) and on AWS
(`make deploy`): what is the same, what is not, and how that was checked. `make parity` writes this page, from
[template.yaml](../../template.yaml), [docker-compose.yml](../../docker-compose.yml), [iac](../../iac/README.md) and
[parity.toml](parity.toml); a test fails when it is behind them, or names a test that is not there.

**Nothing has been run on a real AWS account yet.** The containers have been run on images that were built from the same
programs under the public names; the public images themselves have not been tried yet. Mailpit's place was taken by a
program that speaks like it and keeps mails in memory, so nobody has seen them survive `docker compose down`.

| mark | means |
|---|---|
| **run** | the tests make it happen in this place |
| **read** | the tests read its description there, or have moto make it; nothing ran |
| **same code** | the code that does it is that of another place; the tests, if there are any, try the seam |
| **by hand** | it was done and seen; no test does it |
| **not tried** | nobody has |

A link leads to the file; hold the pointer over it to read the test's name.
"""


def behaviours() -> dict[str, list[dict[str, Any]]]:
    """The behaviours by the title of their group."""
    groups = tomllib.loads((HERE / "parity.toml").read_text("utf-8"))["group"]
    return {group["title"]: group["behaviour"] for group in groups}


def page() -> str:
    """The whole document."""
    template, compose = _template(), _compose()
    parts = [
        _HEAD,
        "## What the functions are given\n",
        _table(_functions(template, compose)),
        *(_mapping(mapping) for mapping in template.kafka_mappings),
        "## Versions\n",
        _table(_versions(template, compose)),
    ]
    promises = _promises()
    for title, rows in behaviours().items():
        parts += [f"## {title}\n", _table(_behaviour_rows(rows, promises))]
    return "\n".join(parts)


def _template() -> Template:
    declared = tomllib.loads((CHECKOUT / "samlet.toml").read_text())["parameters"]
    return load(CHECKOUT / "template.yaml", {**declared, "DatabaseName": "taskflow", "DatabasePort": "5432"})


def _compose() -> dict[str, dict[str, Any]]:
    services: dict[str, dict[str, Any]] = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())["services"]
    return services


def _table(rows: Iterable[Iterable[str]]) -> str:
    head, *body = [list(row) for row in rows]
    lines = [head, ["---"] * len(head), *body]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _functions(template: Template, compose: Mapping[str, dict[str, Any]]) -> Iterator[list[str]]:
    containers = {it["command"][0]: it for it in compose.values() if isinstance(it.get("command"), list)}
    yield [
        *("function", "woken by", "time-out", "memory", "of its container", "reserved concurrency", "containers"),
        "retries of an asynchronous event",
    ]
    for function in template.functions.values():
        container = containers[function.logical_id]
        again = function.asynchronous
        yield [
            function.handler.split(".")[0],
            ", ".join(_woken_by(template, function)),
            f"{function.timeout} s",
            f"{function.memory} MB",
            container["mem_limit"].replace("m", " MB"),
            "none" if function.reserved_concurrency is None else str(function.reserved_concurrency),
            str(container.get("deploy", {}).get("replicas", 1)),
            f"{again.max_retries}, for {_duration(again.max_age)}",
        ]


def _woken_by(template: Template, function: Function) -> Iterator[str]:
    routes = [route for api in template.apis for route in api.routes if route.function == function.logical_id]
    schedules = [it for it in template.schedules if it.function == function.logical_id]
    mappings = [it for it in template.kafka_mappings if it.function == function.logical_id]
    yield from sorted(f"`{route.key}`" for route in routes)
    yield from (f"`{it.expression}`" for it in schedules)
    yield from (f"topic `{it.topic}`" for it in mappings)
    if not (routes or schedules or mappings):
        yield "an invocation"


def _duration(seconds: int) -> str:
    return f"{seconds // 3600} h" if seconds % 3600 == 0 else f"{seconds} s"


def _mapping(mapping: KafkaMapping) -> str:
    wanted = " or ".join(f"`{json.dumps(pattern)}`" for pattern in mapping.filters)
    return (
        f"The mapping on topic `{mapping.topic}`: group `{mapping.group_id}`, from `{mapping.starting_position}`,"
        f" batches of {mapping.batch_size}, {mapping.max_retries} retries, {'' if mapping.bisect else 'not '}bisected,"
        f" {'with' if mapping.partial_failures else 'without'} partial failures, then `{mapping.on_failure}`;"
        f" only {wanted}.\n"
    )


def _versions(template: Template, compose: Mapping[str, dict[str, Any]]) -> Iterator[list[str]]:
    artifacts = (CHECKOUT / "local" / "samlet" / "services" / "artifacts.toml").read_text()
    image = re.findall(r"^FROM \S+:(\S+)", (CHECKOUT / "functions" / "Dockerfile").read_text(), re.MULTILINE)[-1]
    yield ["", *PLACES.values()]
    [runtime] = {function.runtime.removeprefix("python") for function in template.functions.values()}
    yield ["Python", runtime, image, runtime]
    postgres = re.search(r"postgres-binaries-linux-amd64:([\d.]+)", artifacts)
    kafka = re.search(r"kafka-clients:([\d.]+)", artifacts)
    for what, found, service in (("PostgreSQL", postgres, "postgres"), ("Kafka", kafka, "kafka")):
        assert found, what
        yield [what, found[1].removesuffix(".0"), compose[service]["image"].split(":")[1], _of_stack(what)]


def _of_stack(what: str) -> str:
    stack, parameter, service = {
        "PostgreSQL": ("data", "EngineVersion", "RDS"),
        "Kafka": ("kafka", "KafkaVersion", "MSK"),
    }[what]
    declared = reader.read(CHECKOUT / "iac" / f"{stack}.yaml")["Parameters"][parameter]
    return f"{service}, {declared['Default']}"


def _promises() -> dict[str, str]:
    """Each guarantee by its number, in the words of its own page."""
    text = (HERE.parent / "architecture" / "guarantees.md").read_text("utf-8")
    found = re.findall(r"^## (G\d)\n\n\*\*(.+?)\.?\*\*", text, re.MULTILINE | re.DOTALL)
    return {number: " ".join(words.split()) for number, words in found}


def _behaviour_rows(rows: Iterable[Mapping[str, Any]], promises: Mapping[str, str]) -> Iterator[list[str]]:
    yield ["", *PLACES.values()]
    for row in rows:
        what = row["what"]
        if what in promises:
            what = f"[{what}](../architecture/guarantees.md#{what.lower()}): {promises[what]}"
        yield [what, *(_cell(row[place]) for place in PLACES)]


def _cell(cell: Mapping[str, Any]) -> str:
    shown = [f"**{mark}** {' '.join(map(_link, cell[how]))}".rstrip() for how, mark in MARKS.items() if how in cell]
    return "; ".join([*([cell["says"]] if "says" in cell else []), *shown])


def _link(test: str) -> str:
    path, _, name = test.partition("::")
    return f'[{Path(path).stem}](../../{path} "{name}")'


if __name__ == "__main__":
    (HERE / "parity.md").write_text(page(), "utf-8")
