"""A backup's file: a zip with one COPY text per table, and a manifest that says what must be in it.

The manifest is written last, and a zip's directory after that, so a file that was cut off is no backup at all.
"""

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import IO, Any, Protocol, Self

FORMAT = 1
_MANIFEST = "manifest.json"
_CHUNK = 1 << 20


class BackupError(Exception):
    """A backup can't be made, or a file can't be restored; the message says why, for whoever typed the command."""


@dataclass(frozen=True)
class TableEntry:
    """What a table's file holds."""

    name: str
    columns: tuple[str, ...]
    rows: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """When, of which schema, and what is inside; tables stand in the order in which foreign keys let them be loaded."""

    made_at: str
    revision: str
    tables: tuple[TableEntry, ...]
    sequences: dict[str, int] = field(default_factory=dict)
    format: int = FORMAT

    @classmethod
    def read(cls, text: bytes) -> Self:
        """From its JSON."""
        fields: dict[str, Any] = json.loads(text)
        if fields["format"] != FORMAT:
            raise BackupError(f"the file has format {fields['format']}, this code reads {FORMAT}")
        tables = tuple(TableEntry(**{**entry, "columns": tuple(entry["columns"])}) for entry in fields.pop("tables"))
        return cls(tables=tables, **fields)


class Sink(Protocol):
    """What COPY writes to."""

    def write(self, data: bytes, /) -> object: ...


class _Hashed:
    def __init__(self, inner: IO[bytes]) -> None:
        self._inner = inner
        self.digest = hashlib.sha256()

    def write(self, data: bytes, /) -> None:
        self.digest.update(data)
        self._inner.write(data)


class Writer:
    """A new archive, open for its tables."""

    def __init__(self, packed: zipfile.ZipFile) -> None:
        self._packed = packed

    def add(self, name: str, columns: tuple[str, ...], copy: Callable[[Sink], int]) -> TableEntry:
        """Let `copy` write a table's rows and tell how many they were."""
        with self._packed.open(_member(name), "w", force_zip64=True) as inner:
            sink = _Hashed(inner)
            rows = copy(sink)
        return TableEntry(name, columns, rows, sink.digest.hexdigest())

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest."""
        self._packed.writestr(_MANIFEST, json.dumps(asdict(manifest), indent=2))


class Reader:
    """An archive that was found whole."""

    def __init__(self, packed: zipfile.ZipFile) -> None:
        self._packed = packed
        self.manifest = Manifest.read(packed.read(_MANIFEST))

    @contextmanager
    def rows(self, entry: TableEntry) -> Iterator[IO[bytes]]:
        """A table's rows as COPY wants them."""
        with self._packed.open(_member(entry.name)) as inner:
            yield inner

    def verify(self) -> None:
        """Read everything once: each table must be what the manifest says."""
        for entry in self.manifest.tables:
            digest = hashlib.sha256()
            with self.rows(entry) as inner:
                while chunk := inner.read(_CHUNK):
                    digest.update(chunk)
            if digest.hexdigest() != entry.sha256:
                raise BackupError(f"the rows of {entry.name} are not those that were saved")


@contextmanager
def writing(file: IO[bytes]) -> Iterator[Writer]:
    """A new archive in `file`, which need not be seekable."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        yield Writer(packed)


@contextmanager
def reading(file: IO[bytes]) -> Iterator[Reader]:
    """The archive in `file`, every checksum compared."""
    try:
        with zipfile.ZipFile(file) as packed:
            reader = Reader(packed)
            reader.verify()
            yield reader
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        raise BackupError(f"this is no whole backup: {error}") from error


def _member(table: str) -> str:
    return f"tables/{table}.copy"
