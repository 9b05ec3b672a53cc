"""What a snapshot consists of: which sections make which part, and whether one changed.

A part of an earlier snapshot is named again when every object it was made from is still the same
one with the same size: pages of the state are replaced, never changed, once a view has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias
from weakref import ref

import msgspec
import numpy as np

from engram.model.space_settings import DEFAULT_SETTINGS, SpaceSettings
from engram.state.columns import PAGE_ROWS
from engram.state.space import HISTORY_WHOLE
from engram.storage.parts import Part, Pieces, array_pieces, chunk_pieces

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engram.state.columns import Arena, Pages
    from engram.state.space import Frozen, SpaceState

FIXED_COLUMNS: Final = (
    "id_high",
    "id_low",
    "recorded_at",
    "occurred_at",
    "confidence",
    "kind",
    "source",
    "session",
    "content_key",
    "content_bytes",
    "metadata_bytes",
    "tag_start",
    "tag_count",
    "priority",
)
"""Columns that only erasing changes. All others lie in parts of their own, so that forgetting,
reviewing and moving rewrite a third of a row and not the whole."""

LABELS_A_PAGE: Final = 16_384
"""Labels encoded at once, some 2 ms under the interpreter's lock."""

SMALL_BYTES: Final = 128 << 10
"""Parts below this share one file and are written anew each time: a file costs a sync."""

SMALL_KEY: Final = "small"

EXTRA: Final = "extra."
"""Begins the names of sections that are no part of the state."""


class StagedFacts(msgspec.Struct, array_like=True, frozen=True):
    """Staged vectors of one embedder."""

    embedder: str
    dimensions: int
    rows: int


class SealedName(msgspec.Struct, array_like=True, frozen=True):
    """A tier segment the snapshot stands on; `digest` is that of its index."""

    tier: str
    number: int
    digest: bytes


class EdgeFacts(msgspec.Struct, array_like=True, frozen=True):
    """How many nodes and edges a space has, and of how many labels it keeps what they link."""

    nodes: int = 0
    edges: int = 0
    ended: int = 0
    runs: int = 0
    labels: int = 0
    linked_rows: int = 0
    late: int = 0


class SnapshotBody(msgspec.Struct, array_like=True, frozen=True):
    """The index of a snapshot: numbers of the space, its tier segments, and all parts."""

    store_id: bytes
    space: str
    lsn: int
    count: int
    forgotten_count: int
    vector_count: int
    recorded_last: int
    embedder: str
    dimensions: int
    hot_count: int
    slots_are_rows: bool
    tag_count: int
    label_count: int
    staged: tuple[StagedFacts, ...]
    sealed: tuple[SealedName | None, ...]
    parts: tuple[Part, ...]
    history_from: int = HISTORY_WHOLE
    numbering: int = 0
    expiring_count: int = 0
    edges: EdgeFacts = EdgeFacts()
    settings: SpaceSettings = DEFAULT_SETTINGS
    access_rows: int = 0


class ChunkSize(NamedTuple):
    """How long a chunk of an arena was, and how often it had been wiped."""

    bytes_count: int
    wipes: int


Extras: TypeAlias = Sequence[Mapping[str, "NDArray[Any]"]]
"""Arrays that are kept by name beside the state they were derived from: a part for each group."""


class Capture(NamedTuple):
    """A space at one moment."""

    frozen: Frozen
    contents: tuple[ChunkSize, ...]
    metadata: tuple[ChunkSize, ...]
    extras: Extras


class Mark(NamedTuple):
    """An object and its size, without keeping it alive."""

    source: Callable[[], object]
    size: int
    version: int = 0

    def is_as(self, other: Mark) -> bool:
        """Whether both stand for the same object in the same state."""
        mine = self.source()
        return mine is not None and mine is other.source() and self[1:] == other[1:]


class Planned(NamedTuple):
    """A part that could be written; without marks it always is."""

    key: str
    marks: tuple[Mark, ...]
    bytes_count: int
    contents: Callable[[], list[Pieces]]

    def is_as(self, marks: tuple[Mark, ...]) -> bool:
        """Whether the part made from `marks` still holds what this one would."""
        pairs = zip(self.marks, marks, strict=False)
        return len(self.marks) == len(marks) > 0 and all(new.is_as(old) for new, old in pairs)


def capture(state: SpaceState, extras: Extras = ()) -> Capture:
    """Return the space as it is now; to be called while nothing changes it.

    An array of `extras` that is still the same object at the next checkpoint is not written anew.
    """
    hot = state.hot
    return Capture(state.freeze(), _sizes(hot.contents), _sizes(hot.metadata), extras)


def body_of(
    captured: Capture, store_id: bytes, space: str, parts: tuple[Part, ...]
) -> SnapshotBody:
    """Return the index of a snapshot with these parts."""
    frozen, view = captured.frozen, captured.frozen.view
    return SnapshotBody(
        store_id=store_id,
        space=space,
        lsn=view.lsn,
        count=view.count,
        forgotten_count=view.forgotten_count,
        vector_count=view.vector_count,
        recorded_last=frozen.recorded_last,
        embedder=view.embedder,
        dimensions=view.dimensions,
        hot_count=view.hot.count,
        slots_are_rows=view.hot.slots_are_rows,
        tag_count=frozen.tag_count,
        label_count=frozen.label_count,
        staged=tuple(
            StagedFacts(embedder, staged.dimensions, staged.row_count)
            for embedder, staged in frozen.staged.items()
        ),
        sealed=tuple(
            None
            if part is None
            else SealedName(part.segment.tier, part.segment.number, part.segment.digest)
            for part in view.sealed
        ),
        parts=parts,
        history_from=view.history_from,
        numbering=view.numbering,
        expiring_count=view.expiring_count,
        edges=EdgeFacts(
            view.associations.node_count,
            view.associations.edge_count,
            view.associations.ended_count,
            view.associations.run_count,
            frozen.label_links.label_count,
            view.associations.linked_rows,
            len(view.associations.late_rows()),
        ),
        settings=view.settings,
        access_rows=view.accesses.row_count,
    )


def planned(captured: Capture) -> list[Planned]:
    """Return all parts of a snapshot; small ones are joined."""
    return joined(SMALL_KEY, _parts(captured))


def joined(key: str, parts: Iterable[Planned]) -> list[Planned]:
    """Return the parts with all small ones as one of this key."""
    small: list[Planned] = []
    large: list[Planned] = []
    for part in parts:
        (large if part.marks and part.bytes_count >= SMALL_BYTES else small).append(part)
    together = Planned(
        key,
        (),
        sum(part.bytes_count for part in small),
        lambda: [pieces for part in small for pieces in part.contents()],
    )
    return [together, *large]


def _sizes(arena: Arena) -> tuple[ChunkSize, ...]:
    wipes = arena.wipes
    return tuple(ChunkSize(size, wipes.get(number, 0)) for number, size in enumerate(arena.sizes))


def _parts(captured: Capture) -> Iterator[Planned]:
    frozen, view = captured.frozen, captured.frozen.view
    fixed = {name: pages for name, pages in view.columns.items() if name in FIXED_COLUMNS}
    changing = {name: pages for name, pages in view.columns.items() if name not in fixed}
    yield from _pages("rows.fixed", fixed, view.count)
    yield from _pages("rows.changing", changing, view.count)
    yield from _pages("tags", {"tags": view.tags}, frozen.tag_count)
    yield from _labels(frozen)
    listed = view.accesses
    pages = {"access.counts": listed.counts, "access.times": listed.times}
    yield from _pages("accesses", pages, listed.row_count)
    hot = view.hot
    yield from _pages("hot", {"hot.rows": hot.rows, "hot.norms": hot.norms}, hot.count)
    if hot.vectors:
        yield from _pages("hot.vectors", {"hot.vectors": hot.vectors}, hot.count)
    yield from _chunks("hot.contents", hot.contents, captured.contents)
    yield from _chunks("hot.metadata", hot.metadata, captured.metadata)
    for number, (dimensions, rows, vectors, norms) in enumerate(frozen.staged.values()):
        name = f"staged.{number}"
        pages = {f"{name}.vectors": vectors, f"{name}.norms": norms}
        yield from _pages(f"{name} {dimensions}", pages, rows)
    for number, part in enumerate(view.sealed):
        if part is not None:
            live = part.live
            arrays: dict[str, NDArray[Any]] = {"sealed.rows": part.rows}
            if live is not None:
                arrays["sealed.live"] = live
            key = f"sealed.{part.segment.tier}.{part.segment.number}"
            yield _arrays(key, number, arrays)
    yield from _edges(frozen)
    erased = frozen.erasures
    arrays = {"erased.ids": erased.ids, "erased.at": erased.at, "erased.lsns": erased.lsns}
    yield _arrays("erased", 0, arrays)
    old, new = frozen.corrections
    if len(old):
        yield _arrays("corrections", 0, {"corrections.old": old, "corrections.new": new})
    answers = frozen.request_keys
    yield Planned(
        "requests",
        (),
        0,
        lambda: [array_pieces(f"request.{n}", 0, array) for n, array in answers.dump().items()],
    )
    for number, extras in enumerate(captured.extras):
        arrays = {f"{EXTRA}{name}": array for name, array in extras.items()}
        yield _arrays(f"extras.{number}", number, arrays)


def _edges(frozen: Frozen) -> Iterator[Planned]:
    """Plan the parts of the associations. Edges are ended too seldom for a part of their flags."""
    found, labels = frozen.view.associations, frozen.label_links
    named = {f"edge.{name}": pages for name, pages in found.columns.items()}
    yield from _pages("edges", named, found.edge_count)
    yield from _pages("nodes", {"node.owner": found.owners}, found.node_count)
    ended = {"ended.edge": found.ended, "ended.at": found.ended_at}
    yield from _pages("ended", ended, found.ended_count)
    runs = {"run.edge": found.run_edges, "run.at": found.run_at}
    yield from _pages("runs", runs, found.run_count)
    links = {
        "label.node": labels.nodes,
        "label.members": labels.members,
        "label.session_row": labels.sessions,
    }
    yield from _pages("links", links, labels.label_count)
    late = found.late_rows().astype("<u4")
    if len(late):
        yield _arrays("late", 0, {"late.row": late})


def _pages(key: str, columns: Mapping[str, Pages], count: int) -> Iterator[Planned]:
    """Plan a part for each page of some columns of equal length."""
    for number, first in enumerate(range(0, count, PAGE_ROWS)):
        rows = min(PAGE_ROWS, count - first)
        pages = {name: column[number] for name, column in columns.items()}
        yield Planned(
            f"{key}.{number}",
            tuple(Mark(ref(page), rows) for page in pages.values()),
            sum(page[:rows].nbytes for page in pages.values()),
            lambda pages=pages, number=number, rows=rows: [  # type: ignore[misc]
                array_pieces(name, number, page[:rows]) for name, page in pages.items()
            ],
        )


def _arrays(key: str, page: int, arrays: Mapping[str, NDArray[Any]]) -> Planned:
    return Planned(
        key,
        tuple(Mark(ref(array), len(array)) for array in arrays.values()),
        sum(array.nbytes for array in arrays.values()),
        lambda: [array_pieces(name, page, array) for name, array in arrays.items()],
    )


def _chunks(name: str, arena: Arena, sizes: tuple[ChunkSize, ...]) -> Iterator[Planned]:
    for number, (bytes_count, wipes) in enumerate(sizes):
        yield Planned(
            f"{name}.{number}",
            (Mark(ref(arena), bytes_count, wipes),),
            bytes_count,
            lambda number=number, size=bytes_count: [  # type: ignore[misc]
                chunk_pieces(name, number, arena.chunk(number), size)
            ],
        )


def _labels(frozen: Frozen) -> Iterator[Planned]:
    """Plan a part for each page of labels; their length is not known before they are encoded."""
    interner = frozen.view.labels
    for number, first in enumerate(range(0, frozen.label_count, LABELS_A_PAGE)):
        last = min(first + LABELS_A_PAGE, frozen.label_count)
        full = last - first == LABELS_A_PAGE
        yield Planned(
            f"labels.{number}",
            (Mark(ref(interner), last, interner.blanks),),
            SMALL_BYTES if full else 0,
            lambda first=first, last=last, number=number: _encoded(  # type: ignore[misc]
                number, interner.labels[first:last]
            ),
        )


def _encoded(number: int, labels: list[str]) -> list[Pieces]:
    texts = [label.encode() for label in labels]
    lengths = np.fromiter(map(len, texts), np.uint32, len(texts))
    return [
        array_pieces("labels.bytes", number, lengths),
        array_pieces("labels.text", number, np.frombuffer(b"".join(texts), np.uint8)),
    ]
