"""Loads a template: reads, expands, resolves it, and shapes the result into the model."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from samlet.errors import TemplateError
from samlet.model import DEFAULT_ACCOUNT, DEFAULT_REGION, Template, Unsupported
from samlet.template import reader
from samlet.template.circles import Circle, missing_needs
from samlet.template.coverage import others, standings, uncovered, unmade
from samlet.template.expansion import Expanded, expanded
from samlet.template.function_urls import function_urls
from samlet.template.functions import functions
from samlet.template.http_apis import http_apis
from samlet.template.intrinsics import Resolver
from samlet.template.kafka_mappings import kafka_mappings
from samlet.template.lines import Lines
from samlet.template.made import MadeResources, Maker
from samlet.template.names import refused_names
from samlet.template.push_mappings import push_mappings, unmade_pushes
from samlet.template.queue_mappings import queue_mappings
from samlet.template.schedules import schedules
from samlet.template.stack import Stack
from samlet.template.vocabulary import unknown_properties


def load(
    path: Path,
    parameters: Mapping[str, str],
    *,
    region: str = DEFAULT_REGION,
    account: str = DEFAULT_ACCOUNT,
    imports: Mapping[str, str] | None = None,
    cache: Path | None = None,
    unpacked: Path | None = None,
    maker: Maker | None = None,
    urls: Callable[[str], str] | None = None,
) -> Template:
    """The template at `path`, resolved; raises TemplateError that names the file, the line, and the place in it.

    `imports` are the values of other stacks' exports; `maker` makes resources that are no part of Samlet; `urls` knows
    where function URLs are served, by logical id. What takes long is kept in the folder `cache`, code from archives
    and of the template itself in `unpacked`.
    """
    path = path.resolve()
    try:
        text = reader.text_of(path)
    except TemplateError as error:
        raise TemplateError(f"{path}: {error}") from error
    lines = Lines(text)
    try:
        pseudo = _pseudo(region, account)
        template = _load(path, text, parameters, pseudo, imports or {}, cache, unpacked, maker, urls)
        return replace(template, unsupported=tuple(_in_order(template.unsupported, lines)))
    except reader.MalformedText as error:
        raise TemplateError(f"{path}:{error.line or 1}: {error}") from error
    except Circle as circle:
        first = lines.of_message(circle.steps[0].place)
        steps = ", ".join(
            f"{step.who} needs {step.whom} (line {lines.of_message(step.place)})" for step in circle.steps
        )
        raise TemplateError(f"{path}:{first}: {circle}: {steps}") from circle
    except TemplateError as error:
        line = lines.of_message(str(error))
        raise TemplateError(f"{path}{f':{line}' if line else ''}: {error}") from error
    except RecursionError as error:
        raise TemplateError(f"{path}: is nested too deeply, or contains itself") from error


def notice(template: Template, part: Unsupported) -> str:
    """A part that cannot be run, as it is told: file and line first, so that an editor can go there."""
    place = template.path.name if part.line is None else f"{template.path.name}:{part.line}"
    return f"{place}: {part.logical_id} ({part.type}): {part.reason}"


def _load(
    path: Path,
    text: str,
    given: Mapping[str, str],
    pseudo: Mapping[str, Any],
    imports: Mapping[str, str],
    cache: Path | None,
    unpacked: Path | None,
    maker: Maker | None,
    urls: Callable[[str], str] | None,
) -> Template:
    whole = expanded(path, text, given, pseudo, imports, cache)
    resolver = Resolver(whole.parameters, pseudo, whole.mappings, whole.conditions, imports=imports)
    region, account = str(pseudo["AWS::Region"]), str(pseudo["AWS::AccountId"])
    resources = whole.document["Resources"]
    stack = Stack(path, resources, resolver, region=region, account=account, unpacked=unpacked, urls=urls)
    elsewhere = others(stack)
    made = _made(stack, resolver, elsewhere, maker) if maker else None
    queues = made.arns("AWS::SQS::Queue", "sqs") if made else {}
    topics = made.arns("AWS::SNS::Topic", "sns") if made else {}
    buckets = made.arns("AWS::S3::Bucket", "s3") if made else {}
    template = _shaped(stack, whole, elsewhere, queues, topics, buckets)
    template = replace(
        template,
        push_mappings=push_mappings(stack, template.functions, made.pushes if made else (), {*queues, *topics}),
    )
    not_made = made.unsupported if made else [*unmade(elsewhere), *unmade_pushes(stack)]
    foreign = [_missing(place, export) for place, export in resolver.missing_imports.items()]
    slips = (*unknown_properties(stack), *refused_names(stack), *missing_needs(resources))
    notes = (*whole.notes, *stack.unsupported, *slips, *uncovered(stack), *not_made, *foreign)
    return replace(template, unsupported=notes, resources=standings(stack, made.names if made else ()))


def _made(stack: Stack, resolver: Resolver, elsewhere: Mapping[str, str], maker: Maker) -> MadeResources:
    """The resources that are made before anything else is resolved, and answer for themselves from now on."""
    made = MadeResources(stack.identities, stack.resources, elsewhere, maker, resolver.resolve)
    resolver.references = made
    made.make_all()
    return made


def _shaped(
    stack: Stack,
    whole: Expanded,
    elsewhere: Mapping[str, str],
    queues: Mapping[str, str],
    topics: Mapping[str, str],
    buckets: Mapping[str, str],
) -> Template:
    found = functions(stack, {*queues, *topics}, set(buckets))
    runnable = set(found)
    return Template(
        path=stack.path,
        region=stack.region,
        account=stack.account,
        functions=found,
        apis=http_apis(stack, runnable),
        function_urls=function_urls(stack, runnable),
        schedules=schedules(stack, runnable, queues),
        kafka_mappings=kafka_mappings(stack, found, {*queues, *topics, *buckets}),
        queue_mappings=queue_mappings(stack, found, queues),
        outputs=stack.outputs(whole.document.get("Outputs") or {}),
        others=elsewhere,
        files=tuple(whole.files),
    )


def _pseudo(region: str, account: str) -> dict[str, Any]:
    china, government = region.startswith("cn-"), region.startswith("us-gov-")
    return {
        "AWS::Region": region,
        "AWS::AccountId": account,
        "AWS::Partition": "aws-cn" if china else "aws-us-gov" if government else "aws",
        "AWS::StackName": "samlet",
        "AWS::StackId": f"arn:aws:cloudformation:{region}:{account}:stack/samlet/local",
        "AWS::URLSuffix": "amazonaws.com.cn" if china else "amazonaws.com",
        "AWS::NotificationARNs": [],
    }


def _missing(place: str, export: str) -> Unsupported:
    section, _, rest = place.partition(".")
    logical_id, _, inner = rest.partition(".")
    reason = f"{export} is exported by another stack; its name stands for it, until [imports] in samlet.toml has it"
    inner = inner.removeprefix("Properties.")
    return Unsupported(logical_id or section, "Fn::ImportValue", f"{inner}: {reason}" if inner else reason)


def _in_order(parts: Iterable[Unsupported], lines: Lines) -> list[Unsupported]:
    """The parts with their lines, in the order of the file; what is said twice is said once."""
    located = [replace(part, line=lines.of_part(part)) for part in dict.fromkeys(parts)]
    return sorted(located, key=lambda part: (part.line or 0, part.logical_id))
