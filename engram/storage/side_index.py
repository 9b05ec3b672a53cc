"""A search index saved beside a snapshot: derived, disposable, and worth not building anew.

Its parts are shared like those of a snapshot. What is in it is its owner's: named arrays, a list
of texts, and a few facts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias
from weakref import ref

import msgspec
import numpy as np

from engram.model.decoders import msgpack_decoder
from engram.model.errors import FileCorrupted, check
from engram.storage.ahead import when_asked
from engram.storage.parts import Part, Pieces, array_pieces, read_index, read_part
from engram.storage.snapshot_content import LABELS_A_PAGE, SMALL_BYTES, Mark, Planned, joined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engram.ports import Filesystem
    from engram.storage.ahead import Begin
    from engram.storage.snapshot_loading import Identity

_ARRAY: Final = "array."
_TEXTS: Final = "texts"
_SEPARATOR: Final = b"\n"


class SideIndex(NamedTuple):
    """What is to be saved: arrays that are never changed, in groups, and texts by number.

    `texts` gives those from a number up to another in UTF-8, a line feed between two. The first
    `texts_count` count; `texts_owner` and `texts_version` tell whether they are those of the last
    time.
    """

    facts: Mapping[str, int | str]
    groups: Sequence[Mapping[str, NDArray[Any]]]
    texts: Callable[[int, int], bytes]
    texts_count: int
    texts_version: int
    texts_owner: object


class SavedIndex(NamedTuple):
    """What was saved: read-only arrays in the same groups, and the texts.

    These are u8[n] pages of UTF-8 with a line feed between two texts; what stands in one page is
    not in another.
    """

    facts: dict[str, int | str]
    groups: list[dict[str, NDArray[Any]]]
    texts: list[NDArray[np.uint8]]


class SideBody(msgspec.Struct, array_like=True, frozen=True):
    """The index file: whose it is, the LSN of its snapshot, and all parts."""

    store_id: bytes
    space: str
    lsn: int
    facts: dict[str, int | str]
    group_count: int
    parts: tuple[Part, ...]


_DECODER: Final = msgpack_decoder(SideBody)


def side_parts(side: SideIndex) -> list[Planned]:
    """Return all parts; those of one group lie together."""
    groups = [_group(number, arrays) for number, arrays in enumerate(side.groups)]
    return joined("words.small", [*groups, *_texts(side)])


def _group(number: int, arrays: Mapping[str, NDArray[Any]]) -> Planned:
    size = sum(array.nbytes for array in arrays.values())
    marks = tuple(Mark(ref(array), len(array)) for array in arrays.values())

    def contents() -> list[Pieces]:
        return [array_pieces(f"{_ARRAY}{name}", number, each) for name, each in arrays.items()]

    return Planned(f"words.{number}", marks, size, contents)


def _texts(side: SideIndex) -> Iterator[Planned]:
    for number, first in enumerate(range(0, side.texts_count, LABELS_A_PAGE)):
        last = min(first + LABELS_A_PAGE, side.texts_count)
        yield Planned(
            f"words.texts.{number}",
            (Mark(ref(side.texts_owner), last, side.texts_version),),
            SMALL_BYTES if last - first == LABELS_A_PAGE else 0,
            _encoder(side.texts, first, last, number),
        )


def _encoder(
    texts: Callable[[int, int], bytes], first: int, last: int, number: int
) -> Callable[[], list[Pieces]]:
    def contents() -> list[Pieces]:
        text = texts(first, last)
        check(text.count(_SEPARATOR) == last - first - 1, "no text holds the separator")
        return [array_pieces(_TEXTS, number, np.frombuffer(text, np.uint8))]

    return contents


Make: TypeAlias = Callable[[SavedIndex], Any]
"""Makes something of what was saved."""


def as_saved(saved: SavedIndex) -> SavedIndex:
    """Leave it as it is."""
    return saved


def begin_side(
    filesystem: Filesystem,
    directory: str,
    body: SideBody,
    make: Make = as_saved,
    begin: Begin = when_asked,
) -> Callable[[], Any]:
    """Begin to read what was saved; return what waits for what `make` makes of it.

    Every byte is verified. What it returns may raise:
        FileCorrupted: something is missing or damaged.
        StorageFailed: the medium cannot be read.
    """
    parts = [begin(partial(read_part, filesystem, directory, part)) for part in body.parts]

    def made() -> Any:
        groups: list[dict[str, NDArray[Any]]] = [{} for _ in range(body.group_count)]
        pages: dict[int, NDArray[np.uint8]] = {}
        for part in parts:
            for (name, page), array in part().items():
                if name.startswith(_ARRAY):
                    groups[page][name.removeprefix(_ARRAY)] = array
                elif name == _TEXTS:
                    pages[page] = array
        return make(SavedIndex(dict(body.facts), groups, [pages[page] for page in sorted(pages)]))

    return begin(made)


def read_side(
    filesystem: Filesystem, directory: str, file: str, digest: bytes, identity: Identity
) -> SideBody:
    """Return the index file, verified; its parts are not looked at.

    Raises:
        FileCorrupted: it is missing, damaged, or another space's.
        StoreTooNew: a later release wrote it.
        StorageFailed: the medium cannot be read.
    """
    raw = read_index(filesystem, directory, file, digest)
    try:
        body = _DECODER.decode(raw)
    except msgspec.MsgspecError as exc:
        raise FileCorrupted(f"{directory}/{file}", 0, f"it cannot be decoded ({exc})") from exc
    if (body.store_id, body.space) != identity:
        raise FileCorrupted(f"{directory}/{file}", 0, "it belongs to another space")
    return body
