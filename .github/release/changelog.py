"""The release notes of one version, cut from CHANGELOG.md: python3 .github/release/changelog.py v1.2.0"""

import re
import sys
from pathlib import Path

CHANGELOG = Path(__file__).resolve().parents[2] / "CHANGELOG.md"
# SemVer's numbers, and what may follow them before a release.
VERSION = re.compile(r"(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2}(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?")
HEADING = re.compile(r"^## +(.*)$", re.MULTILINE)
LINK_TARGETS = re.compile(r"^\[[^\]]+\]: .*$", re.MULTILINE)


class NoNotes(Exception):
    """The changelog does not say what the version brings."""


def version_of(tag: str) -> str:
    """`v1.2.0` is the tag of version 1.2.0; anything else is refused."""
    version = tag.removeprefix("v")
    if not tag.startswith("v") or not VERSION.fullmatch(version):
        raise NoNotes(f"{tag!r} is no version tag: v1.2.0 is one")
    return version


def notes(changelog: str, version: str) -> str:
    """The body of the section `## 1.2.0 - 2026-01-31`, or `## [1.2.0] - ...`."""
    headings = list(HEADING.finditer(changelog))
    ends = [heading.start() for heading in headings[1:]] + [len(changelog)]
    sections = {
        heading.group(1).split(" ")[0].strip("[]"): changelog[heading.end() : end]
        for heading, end in zip(headings, ends, strict=True)
    }
    if version not in sections:
        raise NoNotes(f"CHANGELOG.md has no section for {version}: rename Unreleased to '## {version} - <date>'")
    body = LINK_TARGETS.sub("", sections[version]).strip()
    if not re.search(r"^[-*] ", body, re.MULTILINE):
        raise NoNotes(f"CHANGELOG.md's section for {version} names no change")
    return body + "\n"


def main(arguments: list[str], changelog: Path = CHANGELOG) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: changelog.py TAG\n")
        return 2
    try:
        sys.stdout.write(notes(changelog.read_text(encoding="utf-8"), version_of(arguments[0])))
    except NoNotes as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
