"""From a template's file to the CloudFormation that AWS would get, by way of a cache: expanding takes most of a start.

What goes into the expansion names its place in the cache, so an entry is never out of date. A file that is damaged or
of another shape counts as none.
"""

import contextlib
import hashlib
import importlib.util
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from samlet import __version__
from samlet.errors import TemplateError
from samlet.model import Unsupported
from samlet.template import language_extensions, loops, reader, transform
from samlet.template.events import silent_events
from samlet.template.includes import Includes
from samlet.template.intrinsics import Resolver
from samlet.template.nulls import null_values
from samlet.template.parameters import ParameterValue, resolve_parameters, slips
from samlet.template.rules import check_rules
from samlet.template.vocabulary import unknown_attributes

_KEPT = 20
_NESTED = "AWS::Serverless::Application"
_CONNECTOR = "AWS::Serverless::Connector"
_SETTLED = {"Globals", "Resources", "Outputs"}


@dataclass(frozen=True, slots=True)
class Expanded:
    """A template in plain CloudFormation, the values of its parameters, and what was set aside on the way.

    `files` are those beside the template, each with a digest of what was read of it.
    """

    document: dict[str, Any]
    parameters: dict[str, ParameterValue]
    notes: list[Unsupported]
    files: dict[Path, str]

    @property
    def mappings(self) -> dict[str, Any]:
        """The section Mappings."""
        return self.document.get("Mappings") or {}

    @property
    def conditions(self) -> dict[str, Any]:
        """The section Conditions."""
        return self.document.get("Conditions") or {}


def expanded(
    path: Path,
    text: str,
    given: Mapping[str, str],
    pseudo: Mapping[str, Any],
    imports: Mapping[str, str],
    cache: Path | None,
) -> Expanded:
    """The template `text` of `path`, expanded; taken from `cache` when nothing that counts has changed."""
    if cache is None:
        return _expand(path, text, given, pseudo, imports)
    entry = cache / f"{_key(path, text, given, pseudo, imports)}.json"
    found = _recall(entry)
    if found is None:
        found = _expand(path, text, given, pseudo, imports)
        _keep(entry, found)
    return found


def _expand(
    path: Path, text: str, given: Mapping[str, str], pseudo: Mapping[str, Any], imports: Mapping[str, str]
) -> Expanded:
    document = reader.parse(text)
    if not isinstance(document, dict):
        reader.check(document)
    resolver = Resolver(_first_values(document, given), pseudo, {}, {}, imports=imports)
    texts = reader.Texts()
    document = Includes(path.parent, resolver.resolve, texts).document(document)
    declared = document.get("Parameters") or {}
    if loops.EXTENSIONS in transform.transforms(document):
        resolver = Resolver(_first_values(document, given), pseudo, document.get("Mappings") or {}, {}, imports=imports)
        document = loops.unrolled(document, resolver.resolve)
    elif loops.has_loops(document):
        raise TemplateError(f"Fn::ForEach: needs `Transform: {loops.EXTENSIONS}` in the template")
    document = reader.check(document)
    values = resolve_parameters(declared, given)
    early = Resolver(values, pseudo, document.get("Mappings") or {}, document.get("Conditions") or {}, imports=imports)
    if loops.EXTENSIONS in transform.transforms(document):
        document |= {
            name: language_extensions.settled(document[name], early.resolve, name)
            for name in _SETTLED & document.keys()
        }
    notes = [*_set_aside(document), *_looked_up(declared, given), *silent_events(document, early.holds)]
    notes += [*slips(declared), *unknown_attributes(document["Resources"]), *null_values(document["Resources"])]
    notes += check_rules(document.get("Rules") or {}, early.resolve)
    region = str(pseudo["AWS::Region"])
    result = transform.expand(document, values, early.resolve, root=path.parent, region=region, texts=texts)
    return Expanded(result, values, notes, {file: _digest(text) for file, text in texts.read.items()})


def _first_values(document: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, ParameterValue]:
    """Parameters for what is resolved before they are checked: included files may declare more of them."""
    declared = document.get("Parameters")
    items = declared.items() if isinstance(declared, dict) else ()
    known = {name: item for name, item in items if isinstance(item, dict) and (name in given or "Default" in item)}
    return resolve_parameters(known, {name: given[name] for name in known if name in given})


def _set_aside(document: dict[str, Any]) -> list[Unsupported]:
    """Takes out what the expansion could only do with AWS's help, and notes it."""
    notes = [
        Unsupported("Transform", name, "only AWS's own SAM transform is run")
        for name in transform.transforms(document)
        if name not in (transform.SAM, loops.EXTENSIONS)
    ]
    notes += [
        Unsupported(name, name, "is no section of a template; AWS refuses it")
        for name in document
        if name not in reader.SECTIONS
    ]
    if document.get("Hooks"):
        notes.append(Unsupported("Hooks", "Hooks", "hooks of a deployment are not run"))
    for logical_id, resource in list(document["Resources"].items()):
        # Connectors are policies and permissions, which have no effect here; their profiles would have to be right.
        resource.pop("Connectors", None)
        if resource["Type"] == _CONNECTOR:
            _pass_over(resource)
        if resource["Type"] == _NESTED:
            notes.append(Unsupported(logical_id, _NESTED, "nested applications are not run; start each by itself"))
            _pass_over(resource)
    return notes


def _pass_over(resource: dict[str, Any]) -> None:
    """Makes it a kind that the expansion passes over, so that references to it still resolve."""
    resource["Type"] = "AWS::CDK::Metadata"
    resource["Properties"] = {}


def _looked_up(declared: Mapping[str, Any], given: Mapping[str, str]) -> list[Unsupported]:
    """Notes parameters whose value AWS would look up in SSM: without a given value their key stands for it."""
    return [
        Unsupported(name, definition["Type"], "is not looked up; give the value itself as the parameter")
        for name, definition in declared.items()
        if name not in given and str(definition.get("Type", "")).startswith("AWS::SSM::Parameter::Value<")
    ]


def _key(path: Path, text: str, given: Mapping[str, str], pseudo: Mapping[str, Any], imports: Mapping[str, str]) -> str:
    # Our own modules count by their times, too: whoever works on them sees what they do.
    own = [(file.name, file.stat().st_mtime_ns) for file in sorted(Path(__file__).parent.glob("*.py"))]
    translator = importlib.util.find_spec("samtranslator")  # it is found, and not loaded
    assert translator
    assert translator.origin
    versions = [__version__, Path(translator.origin).read_text("utf-8"), own]
    parts = [str(path), text, sorted(given.items()), sorted(pseudo.items()), sorted(imports.items()), versions]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _recall(entry: Path) -> Expanded | None:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, TemplateError):
        kept = json.loads(entry.read_text("utf-8"))
        files = {Path(file): digest for file, digest in kept["files"].items()}
        if all(_digest(reader.text_of(file)) == digest for file, digest in files.items()):
            os.utime(entry)
            notes = [Unsupported(**note) for note in kept["notes"]]
            if isinstance(kept["document"]["Resources"], dict):
                return Expanded(kept["document"], kept["parameters"], notes, files)
    return None


def _keep(entry: Path, found: Expanded) -> None:
    """Writes an entry whole or not at all; parameters may be secrets, so it is its owner's alone."""
    content = {
        "document": found.document,
        "parameters": found.parameters,
        "notes": [asdict(note) for note in found.notes],
        "files": {str(file): digest for file, digest in found.files.items()},
    }
    with contextlib.suppress(OSError):  # without a cache the next start is slower, and that is all
        entry.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, draft = tempfile.mkstemp(dir=entry.parent, suffix=".new")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file)
        Path(draft).replace(entry)
        _forget_oldest(entry.parent.glob("*.json"))


def _forget_oldest(entries: Iterable[Path]) -> None:
    for old in sorted(entries, key=lambda entry: entry.stat().st_mtime, reverse=True)[_KEPT:]:
        old.unlink(missing_ok=True)
