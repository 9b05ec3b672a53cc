"""NDJSON and CSV, a batch of lines at a time. All of it blocks and is for worker threads."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Final, NamedTuple, Protocol

import msgspec

from engram.model.errors import InvalidRequest
from engram.service.exchange.fields import COLUMNS
from engram.service.exchange.mapping import column_of

LINES_COUNT_MAX: Final = 4_000
"""Of a batch: enough that a sync of the log is small beside it."""
BATCH_BYTES_MAX: Final = 4 * 1024 * 1024
"""Of a batch as it is written, so that with its vectors it is one part of the log."""
LINE_BYTES_MAX: Final = 16 * 1024 * 1024
"""Of a line: the largest memory with its vector and associations takes less."""

_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder()
_JSON_CELLS: Final = frozenset(("metadata", "episode", "embedding", "associations"))
_LISTS: Final = frozenset(("tags", "entities"))
_ENCODING: Final = "utf-8"
# Keeps bytes that are no UTF-8 as they are, until what is made of them is looked at.
_KEEP: Final = "surrogateescape"


class Raw(NamedTuple):
    """A line as it stands in a file: its fields, or what is wrong with it."""

    number: int
    raw: bytes
    fields: dict[str, Any] | None
    fault: str = ""
    place: str = ""
    """Where it stands, in words, when it is no line."""
    named_by_text: bool = False
    """Whether text, source and session tell it from the others of its file, whatever its time."""


class Reader(Protocol):
    """Reads a file, batch by batch."""

    def read(self) -> list[Raw]:
        """Return the next lines, none at the end."""

    @property
    def done(self) -> int:
        """How far it is, in bytes or rows."""

    def rejected_head(self) -> bytes:
        """Return what a file of rejected lines begins with."""


class Writer(Protocol):
    """Writes a file, page by page."""

    def write(self, lines: Sequence[dict[str, Any]]) -> None:
        """Append memories."""

    def close(self) -> None:
        """Write what has to stand at the end."""


class NdjsonReader:
    """One JSON object a line."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._number, self.done = file, 0, 0

    def read(self) -> list[Raw]:
        """Return the next lines, none at the end; blank ones are passed over."""
        found: list[Raw] = []
        began = self.done
        while len(found) < LINES_COUNT_MAX and self.done - began < BATCH_BYTES_MAX:
            raw = self._file.readline(LINE_BYTES_MAX + 1)
            if not raw:
                break
            self._number += 1
            self.done += len(raw)
            if len(raw) > LINE_BYTES_MAX:
                found.append(self._too_long(raw))
            elif raw.strip():
                found.append(decoded(self._number, raw))
        return found

    def _too_long(self, raw: bytes) -> Raw:
        parts = [raw]
        while not parts[-1].endswith(b"\n") and (more := self._file.readline(LINE_BYTES_MAX)):
            parts.append(more)
            self.done += len(more)
        return Raw(self._number, b"".join(parts), None, f"longer than {LINE_BYTES_MAX} bytes")

    def rejected_head(self) -> bytes:
        """Return nothing: each line stands for itself."""
        return b""


def decoded(number: int, raw: bytes) -> Raw:
    """Return a line with the fields it has."""
    try:
        fields = _DECODER.decode(raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Raw(number, raw, None, f"not JSON: {error}")
    if not isinstance(fields, dict):
        return Raw(number, raw, None, "not an object with the fields of a memory")
    return Raw(number, raw, fields)


class NdjsonWriter:
    """One JSON object a line."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, lines: Sequence[dict[str, Any]]) -> None:
        """Append memories."""
        self._file.write(_ENCODER.encode_lines(lines))

    def close(self) -> None:
        """Do nothing: each line stands for itself."""


class CsvReader:
    """A header with the names of fields, then a row a memory (RFC 4180)."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.done, self._number = file, 0, 0
        self._taken: list[str] = []
        self._rows = csv.reader(self._lines(), strict=True)
        self._head = b""
        self._names = self._header()

    def _lines(self) -> Iterator[str]:
        for raw in self._file:
            self.done += len(raw)
            self._number += 1
            text = raw.decode(_ENCODING, _KEEP)
            self._taken.append(text)
            yield text.removeprefix("\ufeff") if self._number == 1 else text

    def _header(self) -> list[str]:
        try:
            names = next(self._rows, [])
        except csv.Error as error:
            raise InvalidRequest(f"the header is no line of CSV: {error}") from error
        self._head = self._take()
        # Own names are as they are; those that other programs use stand for them.
        names = [name if name in COLUMNS else column_of(name) for name in names]
        unknown = sorted(set(names) - set(COLUMNS))
        if unknown or not names or len(set(names)) < len(names):
            what = f"unknown column {unknown[0]!r}" if unknown else "no columns, or one twice"
            raise InvalidRequest(f"the header has {what}; there are {', '.join(COLUMNS)}")
        return names

    def _take(self) -> bytes:
        taken = "".join(self._taken).encode(_ENCODING, _KEEP)
        self._taken.clear()
        return taken

    def read(self) -> list[Raw]:
        """Return the next rows, none at the end; blank lines are passed over."""
        found: list[Raw] = []
        began = self.done
        while len(found) < LINES_COUNT_MAX and self.done - began < BATCH_BYTES_MAX:
            number = self._number + 1
            try:
                cells = next(self._rows)
            except StopIteration:
                break
            except csv.Error as error:
                found.append(Raw(number, self._take(), None, f"not CSV: {error}"))
                continue
            raw = self._take()
            if cells:
                found.append(self._row(number, raw, cells))
        return found

    def _row(self, number: int, raw: bytes, cells: list[str]) -> Raw:
        if len(cells) != len(self._names):
            fault = f"{len(cells)} cells under {len(self._names)} columns"
            return Raw(number, raw, None, fault)
        try:
            fields = {
                name: value_of(name, cell)
                for name, cell in zip(self._names, cells, strict=True)
                if cell
            }
        except ValueError as error:
            return Raw(number, raw, None, str(error))
        return Raw(number, raw, fields)

    def rejected_head(self) -> bytes:
        """Return the header, without which a row says nothing."""
        return self._head


def value_of(name: str, cell: str) -> Any:
    """Return what a cell that is not empty says; ValueError when it cannot be read."""
    if name in _JSON_CELLS or (name in _LISTS and cell.startswith("[")):
        try:
            return _DECODER.decode(cell)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
            raise ValueError(f"{name} is not JSON: {error}") from error
    if name in _LISTS:
        return [part.strip() for part in cell.split(";") if part.strip()]
    if name == "suppressed":
        return {"true": True, "false": False}.get(cell.lower(), cell)
    if name in ("confidence", "priority"):
        try:
            return int(cell) if name == "priority" else float(cell)
        except ValueError:
            return cell  # `high`, say; what is none of them is refused with the memory
    return cell


def cell_of(name: str, value: Any) -> str:
    """Return the cell that says a value; `value_of` reads it."""
    if name in _JSON_CELLS or name in _LISTS:
        return _ENCODER.encode(value).decode()
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


class CsvWriter:
    """A header with the names of all fields, then a row a memory (RFC 4180)."""

    def __init__(self, file: BinaryIO, *, is_new: bool) -> None:
        self._file = file
        if is_new:
            file.write(_row(COLUMNS))

    def write(self, lines: Sequence[dict[str, Any]]) -> None:
        """Append memories."""
        self._file.write(
            b"".join(
                _row([cell_of(name, line[name]) if name in line else "" for name in COLUMNS])
                for line in lines
            )
        )

    def close(self) -> None:
        """Do nothing: each row stands for itself."""


def _row(cells: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()
