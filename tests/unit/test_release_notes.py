"""A release says what it brings: its notes are the changelog's section, and without one there is no release."""

import runpy
from pathlib import Path

import pytest

SCRIPT = runpy.run_path(str(Path(__file__).resolve().parents[2] / ".github" / "release" / "changelog.py"))
main = SCRIPT["main"]

CHANGELOG = """# Changelog

## Unreleased

## [1.10.0] - 2026-03-01

### Added
- Ten.

## 1.1.0 - 2026-02-01

### Fixed
- One
  and a half.

## 1.0.0 - 2026-01-01

Nothing to tell.

[1.10.0]: https://example.test/compare
"""


@pytest.fixture
def changelog(tmp_path: Path) -> Path:
    file = tmp_path / "CHANGELOG.md"
    file.write_text(CHANGELOG)
    return file


@pytest.mark.parametrize(
    ("tag", "section"),
    [("v1.1.0", "### Fixed\n- One\n  and a half.\n"), ("v1.10.0", "### Added\n- Ten.\n")],
)
def test_the_notes_are_the_section_of_the_version_alone(
    tag: str, section: str, changelog: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([tag], changelog) == 0
    assert capsys.readouterr().out == section


@pytest.mark.parametrize(
    ("tag", "reason"),
    [
        ("v1.2.0", "no section for 1.2.0"),
        ("v1.1", "no version tag"),
        ("1.1.0", "no version tag"),
        ("v01.1.0", "no version tag"),
        ("v1.1.0x", "no version tag"),
        ("vUnreleased", "no version tag"),
        ("v1.0.0", "names no change"),
    ],
)
def test_a_version_that_the_changelog_does_not_describe_is_refused(
    tag: str, reason: str, changelog: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([tag], changelog) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert reason in printed.err
