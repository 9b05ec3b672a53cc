"""Files whose records are no lines of their own: read one after another, batch by batch."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator
from typing import Any, BinaryIO, Final

import msgspec

from engram.model.decoders import json_decoder
from engram.model.errors import InvalidRequest
from engram.service.exchange.mapping import Fault, label_of
from engram.service.exchange.text_files import BATCH_BYTES_MAX, LINES_COUNT_MAX, Raw

DOCUMENT_BYTES_MAX: Final = 1024 * 1024 * 1024
"""Of one JSON document: it is read as a whole, with some 100 bytes a record besides."""

REPEATS_COUNT_MAX: Final = 1_000_000
"""Records that are kept in mind to tell repeats apart: some 70 MB; then it begins anew."""

Records = Generator[tuple[Raw, int], None, None]
"""Records, each with how far in the file it ends."""


class RecordReader:
    """Batches of records; `total` says how far the last one ends, 0 where that is unknown."""

    def __init__(self, records: Records, total: int) -> None:
        self._records, self.rows_count, self.done = records, total, 0

    def read(self) -> list[Raw]:
        """Return the next records, none at the end."""
        found: list[Raw] = []
        size = 0
        while len(found) < LINES_COUNT_MAX and size < BATCH_BYTES_MAX:
            each = next(self._records, None)
            if each is None:
                break
            raw, self.done = each
            found.append(raw)
            size += len(raw.raw)
        return found

    def rejected_head(self) -> bytes:
        """Return nothing: rejected records are written as NDJSON."""
        return b""

    def close(self) -> None:
        """Let go of what is open."""
        self._records.close()


class Repeats:
    """Tells records apart that say the same at the same time: nothing is merged with another.

    A repeat has the place of the record in its source, so that it has it again in a second run.
    """

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def raw(
        self, number: int, fields: dict[str, Any], name: str, *, place: str, is_dated: bool = True
    ) -> Raw:
        """Return a record as it is imported; `name` is its own in its source.

        `is_dated` is false when the time is none of the record's own, and tells nothing.
        """
        time = fields.get("occurred_at") if is_dated else None
        said = (fields["content"], fields.get("source"), fields.get("session"), time)
        digest = hashlib.blake2b(repr(said).encode("utf-8", "surrogatepass"), digest_size=8)
        key = int.from_bytes(digest.digest(), "little")
        if key in self._seen:
            fields["source"] = label_of(f"{fields.get('source', '')}#{name}")
        elif len(self._seen) == REPEATS_COUNT_MAX:
            self._seen.clear()
        self._seen.add(key)
        try:
            raw = msgspec.json.encode(fields) + b"\n"
        except UnicodeEncodeError as error:
            return Raw(number, b"", None, f"not text: {error}", place)
        return Raw(number, raw, fields, "", place, named_by_text=time is None)


class Document:
    """One JSON document of a file; `number` is that of its line, `start` where it begins."""

    def __init__(self, number: int, start: int, data: bytes) -> None:
        self.number, self.start, self.data = number, start, data

    def end(self, done: int, count: int) -> int:
        """Return where a record ends, as far as that can be said, when so many are done."""
        return self.start + len(self.data) * done // max(count, 1)


def documents(file: BinaryIO) -> Iterator[Document]:
    """Yield the JSON documents of a file: one a line where the first line is one, else one in all.

    Raises InvalidRequest for a document that is too long.
    """
    first = file.readline(DOCUMENT_BYTES_MAX + 1)
    if not _is_whole(first):
        yield Document(1, 0, rest_of(first, file))
        return
    number, start, line = 1, 0, first
    while line:
        if line.strip():
            yield Document(number, start, _within(line))
        start += len(line)
        number += 1
        line = file.readline(DOCUMENT_BYTES_MAX + 1)


def rest_of(first: bytes, file: BinaryIO) -> bytes:
    """Return all of a file whose first line was read; InvalidRequest when it is too long."""
    return _within(first + file.read(DOCUMENT_BYTES_MAX + 1 - len(first)))


def _within(data: bytes) -> bytes:
    if len(data) > DOCUMENT_BYTES_MAX:
        raise InvalidRequest(
            f"a JSON document of it has over {DOCUMENT_BYTES_MAX} bytes; export it page by page, "
            "one document a line"
        )
    return data.removeprefix(b"\xef\xbb\xbf")


def _is_whole(line: bytes) -> bool:
    try:
        json_decoder(msgspec.Raw).decode(line.removeprefix(b"\xef\xbb\xbf"))
    except msgspec.DecodeError:
        return False
    return True


def object_of(data: bytes | msgspec.Raw) -> dict[str, Any]:
    """Return a JSON object; ValueError when it is none."""
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Fault(f"not JSON: {error}") from error
    if not isinstance(found, dict):
        raise Fault(f"not an object, but {type(found).__name__}")
    return found


def as_line(data: bytes | msgspec.Raw) -> bytes:
    """Return what could not be taken as one line, as it stands."""
    return bytes(data).strip().replace(b"\r", b" ").replace(b"\n", b" ") + b"\n"
