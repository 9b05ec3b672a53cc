"""Which format a file has, and who reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from engram.model.decoders import json_decoder
from engram.model.errors import InvalidRequest
from engram.service.exchange import chat_files, chroma_files, markdown_files, mem0_files
from engram.service.exchange.records import RecordReader, Records, documents
from engram.service.exchange.text_files import LINE_BYTES_MAX, CsvReader, NdjsonReader, Reader

WRITTEN: Final = ("ndjson", "csv", "parquet")
READ: Final = (*WRITTEN, "mem0", "chroma", "openai-chat", "anthropic-chat", "markdown")

_WRITTEN_SUFFIXES: Final = {
    ".ndjson": "ndjson", ".jsonl": "ndjson", ".csv": "csv", ".parquet": "parquet",
}  # fmt: skip
_SUFFIXES: Final = {
    **_WRITTEN_SUFFIXES,
    ".json": "",  # what stands in it says it
    ".sqlite3": "chroma",
    **dict.fromkeys(markdown_files.SUFFIXES, "markdown"),
}


def format_written(name: str | None, path: Path | None) -> str:
    """Return the format that is asked for, else that of the file's name; InvalidRequest if none."""
    if name is None and path is not None:
        name = _by_suffix(path, _WRITTEN_SUFFIXES)
    return _known(name, WRITTEN)


def format_read(name: str | None, path: Path | None) -> str:
    """Return the format that is asked for, else that of the file or folder. Blocks.

    Raises InvalidRequest when there is no such format, or neither name nor content say which.
    """
    if name is not None or path is None:
        return _known(name, READ)
    if path.is_dir():
        return "chroma" if chroma_files.is_database(path) else "markdown"
    found = _by_suffix(path, _SUFFIXES)
    if found not in ("", "ndjson"):
        return found
    try:
        with path.open("rb") as file:
            first = next(documents(file), None) if not found else None
            line = file.readline(LINE_BYTES_MAX) if found else b""
    except OSError:
        return found or "mem0"  # it is told when it is opened to be read
    said = _by_content(line if first is None else first.data)
    if said is None and not found:
        raise InvalidRequest(
            f"{path.name} holds nothing that tells its format; say which of {', '.join(READ)} it is"
        )
    return said or found


def _known(name: str | None, known: tuple[str, ...]) -> str:
    if name not in known:
        raise InvalidRequest(f"format {name!r} is none of {', '.join(known)}")
    return name


def _by_suffix(path: Path, suffixes: dict[str, str]) -> str:
    name = suffixes.get(path.suffix.lower())
    if name is None:
        known = ", ".join(suffixes)
        raise InvalidRequest(f"{path.name} ends with none of {known}; say which format it has")
    return name


class _Shape(msgspec.Struct):
    """What tells a JSON document: nothing else of it is made into objects."""

    results: list[msgspec.Raw] | None = None
    ids: list[msgspec.Raw] | None = None


def _by_content(data: bytes) -> str | None:
    """Return the format of another program that a JSON document or line is in, None for none."""
    records: list[msgspec.Raw] | None
    try:
        if data.lstrip().startswith(b"["):
            records = json_decoder(list[msgspec.Raw]).decode(data)
        else:
            shape = json_decoder(_Shape).decode(data)
            if shape.ids is not None:
                return "chroma"
            records = [msgspec.Raw(data)] if shape.results is None else shape.results
        first: Any = msgspec.json.decode(records[0]) if records else {"memory": None}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(first, dict):
        return None
    return "mem0" if "memory" in first else chat_files.kind_of(first)


def is_read_by_name(path: Path, kind: str) -> bool:
    """Whether a reader opens the files itself. Blocks."""
    return kind == "markdown" or (kind == "chroma" and chroma_files.is_database(path))


def reader_of(source: Path | BinaryIO, kind: str, takes_vectors: bool) -> Reader:
    """Return who reads a file, or a folder by its name. Blocks.

    InvalidRequest when vectors are to be taken from the database of Chroma.
    """
    if isinstance(source, Path):
        return _reader_by_name(source, kind, takes_vectors=takes_vectors)
    if kind == "ndjson":
        return NdjsonReader(source)
    if kind == "csv":
        return CsvReader(source)
    if kind == "parquet":
        from engram.service.exchange.parquet_files import ParquetReader  # noqa: PLC0415 - seldom

        return ParquetReader(source)
    return RecordReader(_records(source, kind, takes_vectors=takes_vectors), 0)


def _reader_by_name(path: Path, kind: str, *, takes_vectors: bool) -> Reader:
    if kind == "chroma":
        if takes_vectors:
            raise InvalidRequest(chroma_files.NO_VECTORS)
        total = chroma_files.database_total(path)
        return RecordReader(chroma_files.database_records(path), total)
    return RecordReader(markdown_files.records(path), markdown_files.total_of(path))


def _records(file: BinaryIO, kind: str, *, takes_vectors: bool) -> Records:
    if kind == "mem0":
        return mem0_files.records(file)
    if kind == "chroma":
        return chroma_files.json_records(file, takes_vectors=takes_vectors)
    if kind == "markdown":
        raise InvalidRequest("markdown is read by the name of a file or folder, not from a stream")
    return chat_files.records(file, kind, _name(file) or kind)


def _name(file: BinaryIO) -> str | None:
    """Return what an open file is called, None for one without a name, as standard input."""
    name = getattr(file, "name", None)
    return Path(name).name if isinstance(name, str) and not name.startswith("<") else None
