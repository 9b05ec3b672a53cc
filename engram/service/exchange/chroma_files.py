"""A collection of Chroma: what `collection.get()` returns, as JSON, or the database it keeps.

The database is `chroma.sqlite3` of a `PersistentClient`, as chromadb 0.4.24 and 1.5.9 write it
(chromadb/migrations): texts and metadata are in `embedding_metadata`, lists of metadata in
`embedding_metadata_array`; vectors are in files of an index beside it, which are not read. Its log
(`embeddings_queue`) has the vectors of what the index has not taken yet, and Chroma deletes them
then (`purge_log`): whoever took those would take some, and of an id added twice the wrong one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from engram.model.decoders import json_decoder
from engram.model.errors import InvalidRequest
from engram.service.exchange.mapping import Fault, fields_from
from engram.service.exchange.records import Records, Repeats, as_line, documents
from engram.service.exchange.text_files import Raw

DATABASE: Final = "chroma.sqlite3"
MAGIC: Final = b"SQLite format 3\x00"
NO_VECTORS: Final = (
    "the vectors of a Chroma collection are in the files of its index, which are not read; export "
    "it as JSON, collection.get(include=['documents', 'metadatas', 'embeddings']), and import "
    "that, or import the database without embeddings into a space that embeds texts itself"
)
"""What is said to who asks for the vectors of a database."""

_DOCUMENT: Final = "chroma:document"
_URI: Final = "chroma:uri"
_VALUES: Final = ("string_value", "int_value", "float_value", "bool_value")
_Raws = list[msgspec.Raw] | None


class _Page(msgspec.Struct):
    """The columns of `collection.get()`, each as long as `ids` or null."""

    ids: list[msgspec.Raw]
    documents: _Raws = None
    metadatas: _Raws = None
    embeddings: _Raws = None
    uris: _Raws = None


def json_records(file: BinaryIO, *, takes_vectors: bool) -> Records:
    """Yield the records of what `collection.get()` returned. Blocks."""
    repeats, count = Repeats(), 0
    for document in documents(file):
        try:
            page = _page(document.data)
        except ValueError as error:
            if document.number == 1:
                raise InvalidRequest(
                    f"that is not what collection.get() of Chroma returns: {error}"
                ) from error
            line = f"line {document.number}"
            yield Raw(document.number, document.data, None, str(error), line), document.end(1, 1)
            continue
        for at, given in enumerate(page.ids):
            count += 1
            raw = _from_page(count, page, at, given, repeats, takes_vectors=takes_vectors)
            yield raw, document.end(at + 1, len(page.ids))


def _page(data: bytes) -> _Page:
    page = json_decoder(_Page).decode(data)  # its errors are ValueErrors
    for name in ("documents", "metadatas", "embeddings", "uris"):
        column = getattr(page, name)
        if column is not None and len(column) != len(page.ids):
            raise Fault(f"{len(page.ids)} ids, but {len(column)} {name}")
    return page


def _from_page(
    number: int, page: _Page, at: int, given: msgspec.Raw, repeats: Repeats, *, takes_vectors: bool
) -> Raw:
    place = f"record {number}"
    cells = {
        name: column[at]
        for name, column in (
            ("document", page.documents),
            ("metadata", page.metadatas),
            ("uri", page.uris),
            ("embedding", page.embeddings),
        )
        if column is not None
    }
    try:
        said = {name: msgspec.json.decode(cell) for name, cell in cells.items()}
        found = _fields(msgspec.json.decode(given), said, takes_vectors=takes_vectors)
    except (ValueError, RecursionError) as error:
        kept = {"id": given, **cells}
        return Raw(number, as_line(msgspec.json.encode(kept)), None, str(error), place)
    return repeats.raw(number, found, str(number), place=place)


def _fields(
    record_id: Any,
    said: dict[str, Any],
    *,
    takes_vectors: bool,
    collection: str | None = None,
    time: str | None = None,
) -> dict[str, Any]:
    """Return the fields of a record: `said` has its document, metadata, uri and embedding."""
    content, vector = said.get("document"), said.get("embedding")
    if not content and vector is not None and not takes_vectors:
        raise Fault("has no document, and vectors are taken only where they are asked for")
    if not content and vector is None:
        raise Fault("has no document")
    metadata = said.get("metadata")
    fields = fields_from(
        "chroma",
        metadata if isinstance(metadata, dict) else {},
        content or "",
        source="chroma" if collection is None else f"chroma:{collection}",
        time=time,
        metadata=metadata,
        own={"id": record_id, "uri": said.get("uri"), "collection": collection},
    )
    if vector is not None and takes_vectors:
        fields["embedding"] = vector
    return fields


def is_database(path: Path) -> bool:
    """Whether a path is a directory with a database of Chroma in it, or such a database. Blocks."""
    if path.is_dir():
        return (path / DATABASE).is_file()
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def database_total(path: Path) -> int:
    """Return how many records a database has; InvalidRequest when it is none. Blocks."""
    try:
        with closing(_opened(path)) as database:
            return sum(_counts(database).values())
    except sqlite3.Error as error:
        raise _unreadable(path, error) from error


def database_records(path: Path) -> Records:
    """Yield the records of all collections of a database. Blocks."""
    repeats, count = Repeats(), 0
    try:
        with closing(_opened(path)) as database:
            for segment, collection in _counts(database):
                for record_id, time, said in _of_segment(database, segment):
                    count += 1
                    yield _from_row(count, record_id, time, said, collection, repeats), count
    except sqlite3.Error as error:
        raise _unreadable(path, error) from error


def _from_row(
    number: int, record_id: Any, time: Any, said: dict[str, Any], collection: str, repeats: Repeats
) -> Raw:
    place = f"record {number}"
    try:
        fields = _fields(record_id, said, takes_vectors=False, collection=collection, time=time)
    except ValueError as error:
        kept = {"id": record_id, "collection": collection, **said}
        return Raw(number, as_line(msgspec.json.encode(kept)), None, str(error), place)
    return repeats.raw(number, fields, str(record_id), place=place)


def _opened(path: Path) -> sqlite3.Connection:
    file = path / DATABASE if path.is_dir() else path
    # Batches are read on whichever worker thread is free, one after another.
    return sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False)


def _unreadable(path: Path, error: sqlite3.Error) -> InvalidRequest:
    return InvalidRequest(
        f"{path} is no database of Chroma that can be read: {error}; export the collection with "
        "collection.get() as JSON"
    )


def _counts(database: sqlite3.Connection) -> dict[tuple[str, str], int]:
    """Return how many records there are, by segment and name of the collection."""
    rows = database.execute(
        "SELECT s.id, c.name, (SELECT count(*) FROM embeddings e WHERE e.segment_id = s.id) "
        "FROM segments s JOIN collections c ON c.id = s.collection "
        "WHERE s.scope = 'METADATA' ORDER BY c.name, c.id"
    )
    return {(segment, name): count for segment, name, count in rows}


def _of_segment(
    database: sqlite3.Connection, segment: str
) -> Iterator[tuple[Any, Any, dict[str, Any]]]:
    """Yield id, time and what they say of the records of a collection, as they were added."""
    columns = [row[1] for row in database.execute("PRAGMA table_info(embedding_metadata)")]
    values = ", ".join(name for name in _VALUES if name in columns)
    has_lists = bool(list(database.execute("PRAGMA table_info(embedding_metadata_array)")))
    found = database.execute(
        "SELECT id, embedding_id, created_at FROM embeddings WHERE segment_id = ? ORDER BY id",
        (segment,),
    )
    for row, record_id, created_at in found:
        metadata: dict[str, Any] = {
            cells[0]: _value(cells[1:])
            for cells in database.execute(
                f"SELECT key, {values} FROM embedding_metadata WHERE id = ?",  # noqa: S608 - names of columns, of a constant
                (row,),
            )
        }
        if has_lists:
            for cells in database.execute(
                "SELECT key, string_value, int_value, float_value, bool_value "
                "FROM embedding_metadata_array WHERE id = ? ORDER BY rowid",
                (row,),
            ):
                metadata.setdefault(cells[0], []).append(_value(cells[1:]))
        said = {"document": metadata.pop(_DOCUMENT, None), "uri": metadata.pop(_URI, None)}
        yield record_id, created_at, {**said, "metadata": metadata}


def _value(cells: tuple[Any, ...]) -> Any:
    """Return the one value of a row: text, whole number, number or flag."""
    *others, flag = (*cells, None) if len(cells) < len(_VALUES) else cells
    return bool(flag) if flag is not None else next((x for x in others if x is not None), None)
