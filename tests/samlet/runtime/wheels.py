"""A package made on the spot, so that no test of installing needs the network."""

import zipfile
from pathlib import Path


def wheel(folder: Path, value: str) -> Path:
    """A package with one constant in it."""
    path = folder / f"answer-{value}-py3-none-any.whl"
    info = f"answer-{value}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("answer.py", f"VALUE = {value!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: answer\nVersion: {value}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path
