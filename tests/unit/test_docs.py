"""The documents say what is there: links lead somewhere, targets and settings exist, nothing private is named."""

import re
import subprocess
from functools import cache
from itertools import count
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
# Put together here, so that this file doesn't name what it looks for.
REGISTRIES = ("pypi" + r"\.org", "python" + r"hosted", "npmjs" + r"\.", "repo1?" + r"\.maven", "crates" + r"\.io",
              "golang" + r"\.org", "deb" + r"\.debian")  # fmt: skip
PRIVATE = (r"/ro" + "ot/", r"\.\./" + "shared")


@cache
def tracked(*patterns: str) -> tuple[Path, ...]:
    if not (CHECKOUT / ".git").exists():
        return tuple(
            path for pattern in patterns for path in CHECKOUT.glob(f"**/{pattern}") if ".venv" not in path.parts
        )
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    return tuple(path for name in listed.stdout.split("\0") if name and (path := CHECKOUT / name).is_file())


def anchors(document: Path) -> set[str]:
    """As GitHub makes them: a heading's words, numbered when they come again. A comment in a code block is none."""
    text = re.sub(r"^ *(```+|~~~+).*?^ *\1", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.+?)[ #]*$", text, re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        again = (f"{anchor}-{number}" for number in count(1))
        found.add(anchor if anchor not in found else next(name for name in again if name not in found))
    return found


def test_an_anchor_is_what_github_makes_of_a_heading(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text(
        "# Two *words*\n\n## [Link](x.md), `code`\n\n## Again\n\n## Again\n\n```sh\n# no heading\n```\n"
    )
    assert anchors(document) == {"two-words", "link-code", "again", "again-1"}


def test_every_relative_link_leads_to_a_file_and_its_heading() -> None:
    broken = []
    for document in tracked("*.md"):
        for link in re.findall(r"\]\(([^)\s]+)(?: +\"[^\"]*\")?\)", document.read_text()):
            path, _, anchor = link.partition("#")
            if "://" in link:
                continue
            target = document.parent / path if path else document
            if not target.exists() or (anchor and anchor not in anchors(target)):
                broken.append(f"{document.relative_to(CHECKOUT)}: {link}")
    assert broken == []


def test_the_readme_is_short_and_links_each_guarantee_to_a_test() -> None:
    readme = (CHECKOUT / "README.md").read_text()
    assert len(readme.splitlines()) < 120
    for number in range(1, 10):
        row = next(line for line in readme.splitlines() if line.startswith(f"| [G{number}]"))
        test_file = re.findall(r"\((tests/[^)]+)\)", row)[0]
        assert f"def test_g{number}_" in (CHECKOUT / test_file).read_text(), row


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    for document in tracked("*.md"):
        for target in re.findall(r"(?:`|^    )make ([a-z-]+)", document.read_text(), re.MULTILINE):
            assert target in targets, f"{document.name}: make {target}"


def test_every_setting_that_the_code_reads_is_documented() -> None:
    documented = (CHECKOUT / "docs" / "reference" / "settings.md").read_text()
    reads = re.compile(r'(?:text|number|whole|choice|before)\(\s*"([A-Z][A-Z_]+)"')
    for source in tracked("functions/*.py", "layers/*.py"):
        for name in reads.findall(source.read_text()):
            assert f"`{name}`" in documented, f"{source.name} reads {name}"
    for source in tracked("local/samlet/*.py"):
        for name in re.findall(r'"(SAMLET_[A-Z_]+)"', source.read_text()):
            assert f"`{name}`" in documented, f"{source.name} reads {name}"


@pytest.mark.parametrize("pattern", [*REGISTRIES, *PRIVATE])
def test_nothing_names_a_registry_or_a_private_place(pattern: str) -> None:
    found = [
        str(path.relative_to(CHECKOUT))
        for path in tracked("*")
        if path.suffix not in {".png", ".svg"}
        and not (
            pattern in PRIVATE and path == CHECKOUT / ".ci" / "run"
        )  # may look around on the machine that it is on
        and re.search(pattern, path.read_text(errors="ignore"))
    ]
    assert found == []
