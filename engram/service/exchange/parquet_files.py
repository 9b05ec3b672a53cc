"""Parquet, where pyarrow is installed. All of it blocks and is for worker threads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import msgspec

from engram.model.errors import InvalidRequest
from engram.service.exchange.fields import COLUMNS
from engram.service.exchange.text_files import LINES_COUNT_MAX, Raw

if TYPE_CHECKING:
    from types import ModuleType

_JSON: Final = frozenset(("metadata", "episode", "associations"))
_TIMES: Final = frozenset(("occurred_at", "recorded_at", "expires_at"))


def _pyarrow() -> tuple[ModuleType, ModuleType]:
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise InvalidRequest(
            "Parquet needs pyarrow; install it (`pip install pyarrow`), or use NDJSON or CSV"
        ) from error


class ParquetWriter:
    """One row group a page; lists and numbers are columns, the rest is JSON in text."""

    def __init__(self, file: BinaryIO) -> None:
        self._arrow, parquet = _pyarrow()
        self._schema = _schema(self._arrow)
        self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd")

    def write(self, lines: Sequence[dict[str, Any]]) -> None:
        """Append memories."""
        rows = [{name: _cell(name, line.get(name)) for name in COLUMNS} for line in lines]
        self._writer.write_table(self._arrow.Table.from_pylist(rows, schema=self._schema))

    def close(self) -> None:
        """Write the footer, without which there is no file."""
        self._writer.close()


def _schema(arrow: ModuleType) -> Any:
    texts = arrow.list_(arrow.string())
    kinds = {
        "confidence": arrow.float64(),
        "priority": arrow.int8(),
        "suppressed": arrow.bool_(),
        "tags": texts,
        "entities": texts,
        "embedding": arrow.list_(arrow.float32()),
        **dict.fromkeys(_TIMES, arrow.timestamp("us", tz="UTC")),
    }
    return arrow.schema([(name, kinds.get(name, arrow.string())) for name in COLUMNS])


def _cell(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in _JSON:
        return msgspec.json.encode(value).decode()
    return datetime.fromisoformat(value) if name in _TIMES else value


class ParquetReader:
    """Rows as `ParquetWriter` writes them; columns may be missing, and lines are rows."""

    def __init__(self, file: BinaryIO) -> None:
        arrow, parquet = _pyarrow()
        try:
            self._file = parquet.ParquetFile(file)
        except arrow.ArrowInvalid as error:
            raise InvalidRequest(f"that is no Parquet file: {error}") from error
        unknown = sorted(set(self._file.schema_arrow.names) - set(COLUMNS))
        if unknown:
            known = ", ".join(COLUMNS)
            raise InvalidRequest(f"unknown column {unknown[0]!r}; there are {known}")
        self._batches = self._file.iter_batches(LINES_COUNT_MAX)
        self.done = 0

    @property
    def rows_count(self) -> int:
        """How many rows the file has."""
        return int(self._file.metadata.num_rows)

    def read(self) -> list[Raw]:
        """Return the next rows, none at the end."""
        batch = next(self._batches, None)
        if batch is None:
            return []
        found = [self._row(self.done + 1 + at, row) for at, row in enumerate(batch.to_pylist())]
        self.done += len(found)
        return found

    def _row(self, number: int, row: dict[str, Any]) -> Raw:
        given = {name: value for name, value in row.items() if value is not None}
        raw = msgspec.json.encode(given) + b"\n"
        try:
            fields = {
                name: value.isoformat()
                if isinstance(value, datetime)
                else msgspec.json.decode(value)
                if name in _JSON
                else value
                for name, value in given.items()
            }
        except (msgspec.DecodeError, TypeError, RecursionError) as error:
            return Raw(number, raw, None, f"a cell is not JSON: {error}")
        return Raw(number, raw, fields)

    def rejected_head(self) -> bytes:
        """Return nothing: rejected rows are written as NDJSON."""
        return b""
