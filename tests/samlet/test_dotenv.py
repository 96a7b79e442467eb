"""`.env` files, as shells and Docker Compose read them."""

from pathlib import Path

import pytest

from samlet import dotenv
from samlet.errors import ProjectError


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=1", "1"),
        ("export A=1", "1"),
        ("  A = 1  ", "1"),
        ("A=", ""),
        ("A=a b # said why", "a b"),
        ("A=a#b", "a#b"),
        ("A=# only a remark", ""),
        ("A='a # b' # c", "a # b"),
        (r"A='a\n$b'", r"a\n$b"),
        (r'A="a\n\"b\" \\ $c" # d', 'a\n"b" \\ $c'),
        ("A=a=b", "a=b"),
        ("A=é", "é"),
    ],
)
def test_a_value_is_what_a_shell_would_make_of_it(tmp_path: Path, line: str, value: str) -> None:
    (tmp_path / ".env").write_text(f"# first\n\n{line}\nB=2\n")
    assert dotenv.read(tmp_path / ".env") == {"A": value, "B": "2"}


@pytest.mark.parametrize("line", ["A", "1A=2", "A='b", 'A="b" c', "A-B=1"])
def test_what_is_no_assignment_is_refused_by_its_line(tmp_path: Path, line: str) -> None:
    (tmp_path / ".env").write_text(f"B=2\n{line}\n")
    with pytest.raises(ProjectError, match="line 2"):
        dotenv.read(tmp_path / ".env")


def test_no_file_has_no_variables(tmp_path: Path) -> None:
    assert dotenv.read(tmp_path / ".env") == {}
