"""From the files of a snapshot to the state it was made from."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import msgspec
import numpy as np

from engram.kernels.sketches.encoding import rotation
from engram.model.decoders import msgpack_decoder
from engram.model.errors import FileCorrupted
from engram.model.particulars import PRIORITY_DEFAULT
from engram.state.bodies import Sealed, SealedPart
from engram.state.columns import PAGE_ROWS, PagedColumn
from engram.state.concepts import CONCEPT_KIND
from engram.state.corrections import Corrections
from engram.state.erasures import Erasures
from engram.state.request_keys import RequestKeys
from engram.state.space import ALIVE, REPLAYED, SUPPRESSED, SpaceState
from engram.state.staged import Staged
from engram.storage.ahead import when_asked
from engram.storage.parts import read_index, read_part
from engram.storage.snapshot_content import EXTRA, EdgeFacts, SealedName, SnapshotBody

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engram.ports import Filesystem
    from engram.state.columns import Arena
    from engram.storage.ahead import Begin

LATER_COLUMNS: Final = {"priority": PRIORITY_DEFAULT}
"""Columns that snapshots of earlier releases lack, and the value of every row then."""

OpenSegment: TypeAlias = Callable[[SealedName], Sealed]
"""Opens a tier segment of the space; DurabilityError when it cannot be used."""

_DECODER: Final = msgpack_decoder(SnapshotBody)


class Loaded(NamedTuple):
    """A state as a snapshot holds it, and the arrays that were kept beside it, in their groups."""

    state: SpaceState
    extras: list[dict[str, NDArray[Any]]]
    body: SnapshotBody
    bytes_count: int


class Identity(NamedTuple):
    """Whose files these are."""

    store_id: bytes
    space: str

    def as_bytes(self) -> bytes:
        """Return both as one run."""
        return self.store_id + self.space.encode()


def read_body(
    filesystem: Filesystem, directory: str, file: str, digest: bytes | None, identity: Identity
) -> SnapshotBody:
    """Return the index of a snapshot, verified; its parts are not looked at.

    Raises:
        FileCorrupted: it is missing, damaged, or another space's.
        StoreTooNew: a later release wrote it.
        StorageFailed: the medium cannot be read.
    """
    path, raw = f"{directory}/{file}", read_index(filesystem, directory, file, digest)
    try:
        body = _DECODER.decode(raw)
    except msgspec.MsgspecError as exc:
        raise FileCorrupted(path, 0, f"it cannot be decoded ({exc})") from exc
    if (body.store_id, body.space) != identity:
        raise FileCorrupted(path, 0, "it belongs to another space")
    return body


def load(
    filesystem: Filesystem,
    directory: str,
    body: SnapshotBody,
    open_segment: OpenSegment,
    begin: Begin = when_asked,
) -> Loaded:
    """Return the state that a snapshot holds, every byte verified.

    Its parts and segments are read by way of `begin`.

    Raises:
        FileCorrupted: a part is missing or damaged.
        DurabilityError: a tier segment it stands on cannot be used.
        StorageFailed: the medium cannot be read.
    """
    sections = _Sections(directory)
    parts = [begin(partial(read_part, filesystem, directory, part)) for part in body.parts]
    segments = [
        None if name is None else begin(partial(open_segment, name)) for name in body.sealed
    ]
    if segments:
        begin(partial(rotation, body.dimensions))  # the first recall needs it: 15 ms
    for part in parts:
        sections.add(part())
    state = SpaceState()
    _load_rows(state, body, sections)
    _index(state)  # while the segments are read
    _load_bodies(state, body, sections)
    state.sealed = tuple(
        None if name is None or segment is None else _sealed(name, number, sections, segment())
        for number, (name, segment) in enumerate(zip(body.sealed, segments, strict=True))
    )
    _load_edges(state, body.edges, sections)
    extras = sections.groups(EXTRA)
    return Loaded(state, extras, body, sum(part.bytes_count for part in body.parts))


class _Sections:
    """All sections of a snapshot by name and page."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._pages: dict[str, dict[int, NDArray[Any]]] = {}

    def add(self, found: dict[tuple[str, int], NDArray[Any]]) -> None:
        for (name, page), array in found.items():
            self._pages.setdefault(name, {})[page] = array

    def pages(self, name: str) -> list[NDArray[Any]]:
        """Return the arrays of a name in the order of their pages, from 0 on."""
        pages = self._pages.get(name, {})
        if sorted(pages) != list(range(len(pages))):
            raise FileCorrupted(self._directory, 0, f"a page of {name} is missing")
        return [pages[number] for number in range(len(pages))]

    def one(self, name: str, page: int = 0) -> NDArray[Any] | None:
        """Return one array, None when there is none."""
        return self._pages.get(name, {}).get(page)

    def named(self, prefix: str) -> dict[str, NDArray[Any]]:
        """Return the arrays whose name begins so, under the rest of it."""
        return {
            name.removeprefix(prefix): pages[0]
            for name, pages in self._pages.items()
            if name.startswith(prefix)
        }

    def groups(self, prefix: str) -> list[dict[str, NDArray[Any]]]:
        """Return the arrays whose name begins so, under the rest of it, page by page."""
        found: dict[int, dict[str, NDArray[Any]]] = {}
        for name, pages in self._pages.items():
            for page, array in pages.items() if name.startswith(prefix) else ():
                found.setdefault(page, {})[name.removeprefix(prefix)] = array
        return [found.get(page, {}) for page in range(1 + max(found, default=-1))]

    def fill(self, column: PagedColumn, name: str, count: int) -> None:
        """Let a column adopt its pages; FileCorrupted when they are not what it has to hold."""
        pages = self.pages(name)
        lengths = [len(page) for page in pages]
        full = all(length == PAGE_ROWS for length in lengths[:-1])
        fits = all(
            page.dtype == column.dtype and page.shape[1:] == ((column.width,) * (column.width > 0))
            for page in pages
        )
        if sum(lengths) != count or not full or not fits:
            reason = f"{name} is not {count} rows of {column.dtype}"
            raise FileCorrupted(self._directory, 0, reason)
        column.adopt(pages, count)

    def fill_arena(self, arena: Arena, name: str) -> None:
        arena.adopt(self.pages(name))


def _load_rows(state: SpaceState, body: SnapshotBody, sections: _Sections) -> None:
    for name, column in state.columns.items():
        if name in LATER_COLUMNS and not sections.pages(name):
            column.append(np.full(body.count, LATER_COLUMNS[name], column.dtype))
        else:
            sections.fill(column, name, body.count)
    sections.fill(state.tags, "tags", body.tag_count)
    sections.fill(state.accesses.counts, "access.counts", body.access_rows)
    sections.fill(state.accesses.times, "access.times", body.access_rows)
    state.settings = body.settings
    labels: list[str] = []
    texts = zip(sections.pages("labels.bytes"), sections.pages("labels.text"), strict=True)
    for lengths, text in texts:
        labels += _split(text.tobytes(), lengths)
    state.labels.labels = labels
    state.labels.numbers = {label: number for number, label in enumerate(labels) if label}
    arrays = [sections.one(f"erased.{name}") for name in ("ids", "at", "lsns")]
    state.erasures = Erasures(*arrays)
    state.corrections = Corrections(*(sections.one(f"corrections.{n}") for n in ("old", "new")))
    state.request_keys = RequestKeys.load(sections.named("request."))
    state.lsn = body.lsn
    state.forgotten_count, state.vector_count = body.forgotten_count, body.vector_count
    state.recorded_last, state.history_from = body.recorded_last, body.history_from
    state.numbering = body.numbering
    state.expiring_count = body.expiring_count
    state.embedder, state.dimensions = body.embedder, body.dimensions


def _split(text: bytes, lengths: NDArray[np.uint32]) -> list[str]:
    ends = np.cumsum(lengths, dtype=np.int64).tolist()
    starts = [0, *ends]
    return [text[start:end].decode() for start, end in zip(starts, ends, strict=False)]


def _load_bodies(state: SpaceState, body: SnapshotBody, sections: _Sections) -> None:
    hot = state.hot
    sections.fill(hot.rows, "hot.rows", body.hot_count)
    sections.fill(hot.norms, "hot.norms", body.hot_count)
    if sections.pages("hot.vectors"):
        hot.vectors = PagedColumn("f4", body.dimensions)
        sections.fill(hot.vectors, "hot.vectors", body.hot_count)
    hot.slots_are_rows = body.slots_are_rows
    sections.fill_arena(hot.contents, "hot.contents")
    sections.fill_arena(hot.metadata, "hot.metadata")
    for number, facts in enumerate(body.staged):
        staged = state.staged[facts.embedder] = Staged(facts.dimensions)
        sections.fill(staged.vectors, f"staged.{number}.vectors", facts.rows)
        sections.fill(staged.norms, f"staged.{number}.norms", facts.rows)


def _load_edges(state: SpaceState, facts: EdgeFacts, sections: _Sections) -> None:
    found = state.associations
    for name, column in found.columns.items():
        sections.fill(column, f"edge.{name}", facts.edges)
    for name, column, count in (
        ("node.owner", found.owners, facts.nodes),
        ("ended.edge", found.ended, facts.ended),
        ("ended.at", found.ended_at, facts.ended),
        ("run.edge", found.run_edges, facts.runs),
        ("run.at", found.run_at, facts.runs),
        ("label.node", found.label_nodes, facts.labels),
        ("label.members", found.label_members, facts.labels),
        ("label.session_row", found.session_rows, facts.labels),
    ):
        sections.fill(column, name, count)
    found.linked_rows = facts.linked_rows
    if facts.late and (late := sections.one("late.row")) is not None:
        found.late.append(late)
    found.load()


def _sealed(name: SealedName, number: int, sections: _Sections, segment: Sealed) -> SealedPart:
    rows = sections.one("sealed.rows", number)
    if rows is None or len(rows) != segment.count:
        reason = f"it holds {segment.count} bodies, and its snapshot knows of others"
        raise FileCorrupted(f"{name.tier}/{name.number:020d}", 0, reason)
    return SealedPart(segment, rows, sections.one("sealed.live", number))


def _index(state: SpaceState) -> None:
    """Build the indexes by id and by content; 10 M rows take some two seconds."""
    if not state.count:
        return
    rows = np.arange(state.count, dtype=np.uint32)
    state.ids.add_many(np.concatenate(state.columns["id_low"].pages), rows)
    keys = np.concatenate(state.columns["content_key"].pages)
    flags, kinds = (np.concatenate(state.columns[name].pages) for name in ("flags", "kind"))
    hidden = np.uint8(ALIVE | SUPPRESSED)
    state.suppressed_count = int(np.count_nonzero((flags & hidden) == hidden))
    formed = np.uint8(ALIVE | REPLAYED)
    are_formed = ((flags & formed) == formed) & (kinds == CONCEPT_KIND)
    state.formed_count = int(np.count_nonzero(are_formed))
    known = np.flatnonzero((keys != 0) & ((flags & ALIVE) != 0))
    state.content_keys.add_many(keys[known], rows[known])
