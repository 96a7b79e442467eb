"""What `sam build` would make of a layer's folder by its `Metadata.BuildMethod`, where nobody has called it.

A layer built for Python has its modules in the root of its sources, and `sam build` puts them into `python/`: here a
link does. A makefile could make anything, so it is not called, and a layer that has nothing without it is listed.
"""

import hashlib
import re
from pathlib import Path

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


def _is_built(folder: Path) -> bool:
    return any(pair == (".aws-sam", "build") for pair in zip(folder.parts, folder.parts[1:], strict=False))


def _linked(root: Path, sources: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    # Packages of a layer are looked for in its root.
    for name, target in (("python", sources), ("requirements.txt", sources / "requirements.txt")):
        if not (root / name).is_symlink():
            (root / name).symlink_to(target)
    return root
