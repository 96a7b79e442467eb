"""Rows for people: columns are padded, never cut."""

from collections.abc import Iterator, Sequence


def padded(rows: Sequence[Sequence[str]], *, indent: str = "") -> Iterator[str]:
    """A line a row; all rows have the same number of cells."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
