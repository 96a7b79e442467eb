"""What `sam build` would make of a folder by its `Metadata.BuildMethod`, where nobody has called it.

A layer built for Python has its modules in the root of its sources, and `sam build` puts them into `python/`: here a
link does. A makefile could make anything, so it is not called: a layer that has nothing without it is listed, and a
function of Python whose handler it would put in its place. Others run from their sources.
"""

import hashlib
import itertools
import re
from collections.abc import Sequence
from pathlib import Path

from samlet.template import handlers
from samlet.template.local_paths import build_method
from samlet.template.stack import Resource, Stack

_NOT_CALLED = (
    "Metadata.BuildMethod: makefile is not called; after `sam build`, start --template .aws-sam/build/template.yaml"
)
_FOUND_BY_LAMBDA = ("python", "bin", "lib", "extensions", "bootstrap")


def layer_folder(stack: Stack, resource: Resource, sources: Path) -> Path:
    """What stands for /opt: the sources themselves, or a folder whose `python` is a link to them."""
    method = build_method(resource.properties.raw("Content"))
    if method is None or _is_built(sources):
        return sources
    if method == "makefile" and not any((sources / name).exists() for name in _FOUND_BY_LAMBDA):
        stack.refuse(resource, _NOT_CALLED)
    if not re.fullmatch(r"python3\.\d+", method):
        return sources
    return _linked(stack.unpacked / f"layer-{hashlib.sha256(str(sources).encode()).hexdigest()[:16]}", sources)


def note_handler(stack: Stack, resource: Resource, handler: str, code: Path, layers: Sequence[Path]) -> None:
    """List a function of Python whose handler is nowhere, or nowhere before a makefile was called."""
    built = _is_built(code)
    if resource.build_method is None or built:
        properties = resource.properties
        if len(layers) == len(properties.texts("Layers")):
            variables = properties.inner("Environment").inner("Variables")
            fetched = handlers.installs(layers if built else (code, *layers))
            if reason := handlers.fault(handler, code, layers, list(variables), installs=fetched):
                stack.refuse(resource, f"Handler: {reason}")
    elif resource.build_method == "makefile":
        module = handler.rpartition(".")[0].replace(".", "/")
        places = [code, *(layer / "python" for layer in layers)]
        if not any(handlers.has_module(place, module) for place in places):
            stack.refuse(resource, f"{_NOT_CALLED} ({code.name}/ has no {module}.py)")


def _is_built(folder: Path) -> bool:
    return any(pair == (".aws-sam", "build") for pair in itertools.pairwise(folder.resolve().parts))


def _linked(root: Path, sources: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    # Packages of a layer are looked for in its root.
    for name, target in (("python", sources), ("requirements.txt", sources / "requirements.txt")):
        if not (root / name).is_symlink():
            (root / name).symlink_to(target)
    return root
