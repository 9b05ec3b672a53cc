"""Hypothesis strategies: commands that a space may be asked to carry out."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Sequence

from hypothesis import strategies as st

from engram.model.association import AUTOMATIC
from engram.model.collecting import collect
from engram.model.commands import (
    Associate,
    Command,
    Configure,
    Link,
    RecordAccesses,
    Remember,
    RememberBatch,
    Request,
    Review,
    Suppress,
)
from engram.model.ids import MemoryId
from engram.model.particulars import Particulars
from engram.model.space_settings import FORGETTING_MODELS, FSRS_WEIGHTS

DIMENSIONS = 3
TIMES_NS = st.integers(-(1 << 62), 1 << 62)
"""Wall times, many of them before 1970."""

_CONTENTS = st.sampled_from(["", "a", "b", "tea", "tea\x00", "m\u00e1", "ma\u0301", "\u5317\u4eac"])
TEXTS = _CONTENTS | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
"""Texts, few enough that the same often comes twice."""

LABELS = st.none() | st.sampled_from(["x", "y", "\u0645", "z" * 128])
VECTORS = st.none() | st.lists(
    st.floats(-100, 100, width=32), min_size=DIMENSIONS, max_size=DIMENSIONS
)

PARTICULARS = st.none() | st.builds(
    Particulars,
    entities=st.sampled_from([(), ("Ada",), ("x", "\u0645")]),
    fact_key=st.sampled_from([None, "x", "user.city"]),
    priority=st.integers(1, 10),
    expires_at=st.sampled_from([0, 1, 1 << 60, 1 << 61]),
)
"""What few memories have; some expire among TIMES_NS."""


def content_key(content: bytes) -> int:
    """Return the key two memories with this content share; 0 for none."""
    digest = hashlib.blake2b(content, digest_size=8).digest()
    return int.from_bytes(digest, "little") if content else 0


@st.composite
def remembers(draw: st.DrawFn, *, vectors: st.SearchStrategy[list[float] | None]) -> Remember:
    """Draw one memory to be remembered."""
    content = draw(TEXTS).encode()
    vector = draw(vectors)
    length = math.sqrt(sum(x * x for x in vector or ()))
    return Remember(
        content=content,
        content_key=content_key(content),
        kind=draw(st.integers(0, 3)),
        confidence=draw(st.floats(0, 1, width=32)),
        occurred_at=draw(st.none() | TIMES_NS),
        source=draw(LABELS),
        session=draw(LABELS),
        tags=tuple(dict.fromkeys(filter(None, draw(st.lists(LABELS, max_size=3))))),
        metadata=draw(st.sampled_from([b"", b"{}", '{"\u00e4":[1,null]}'.encode()])),
        vector=b"" if vector is None else struct.pack(f"<{DIMENSIONS}f", *vector),
        inverse_norm=math.nan if vector is None else (1 / length if length else 0.0),
        embedder="",
        chance=draw(st.binary(min_size=10, max_size=10)),
        particulars=draw(PARTICULARS),
    )


GROUPS = st.lists(remembers(vectors=VECTORS), min_size=1, max_size=5)
"""Lone commands that wait together."""


@st.composite
def batches(draw: st.DrawFn) -> RememberBatch:
    """Draw a bulk command; some of its memories have a vector, and some come twice."""
    items: Sequence[Remember] = draw(st.lists(remembers(vectors=VECTORS), min_size=1, max_size=8))
    items = [*items, *draw(st.lists(st.sampled_from(items), max_size=3))]
    with_vectors = any(item.vector for item in items)
    return collect(items, "", DIMENSIONS if with_vectors else 0)


@st.composite
def associates(draw: st.DrawFn, ids: Sequence[MemoryId]) -> Associate:
    """Draw edges between some of at least two memories; the same may come twice."""
    pairs = draw(
        st.lists(
            st.lists(st.sampled_from(ids), min_size=2, max_size=2, unique=True),
            min_size=1,
            max_size=5,
        )
    )
    count = len(pairs)

    def column(values: st.SearchStrategy[float], code: str) -> bytes:
        drawn = draw(st.lists(values, min_size=count, max_size=count))
        return struct.pack(f"<{count}{code}", *drawn)

    ends = [b"".join(struct.pack("<QQ", *pair[end]) for pair in pairs) for end in (0, 1)]
    return Associate(
        count=count,
        sources=ends[0],
        targets=ends[1],
        kinds=column(st.integers(0, 3), "B"),
        flags=column(st.sampled_from([0, AUTOMATIC]), "B"),
        weights=column(st.floats(0.125, 1, width=32), "f"),
        confidences=column(st.floats(0, 1, width=32), "f"),
        whys=column(st.integers(0, 2), "I"),
        labels=["because", "x"],
    )


@st.composite
def links(draw: st.DrawFn, rows: Sequence[int], numbering: int, embedder: str) -> Link:
    """Draw links from some of at least two rows, forgotten ones perhaps; some come twice."""
    last = draw(st.integers(1, len(rows)))
    pairs = draw(st.lists(st.tuples(st.integers(0, last - 1), st.sampled_from(rows)), max_size=6))
    count = len(pairs)
    weights = draw(st.lists(st.floats(0.125, 1, width=32), min_size=count, max_size=count))
    return Link(
        numbering=numbering,
        embedder=embedder,
        first=draw(st.integers(0, last - 1)),
        last=last,
        sources=struct.pack(f"<{count}I", *(pair[0] for pair in pairs)),
        targets=struct.pack(f"<{count}I", *(pair[1] for pair in pairs)),
        weights=struct.pack(f"<{count}f", *weights),
        near=bytes(draw(st.lists(st.integers(0, 1), min_size=count, max_size=count))),
    )


_REQUESTS = st.none() | st.builds(
    Request, key=st.tuples(st.integers(1, 3), st.just(1)), body=st.integers(1, 2)
)


@st.composite
def strength_commands(draw: st.DrawFn, ids: Sequence[MemoryId]) -> Command:
    """Draw a command about the strength of some of these memories, or about all of them."""
    which = draw(st.sampled_from(["configure", "review", "accesses", "suppress"] if ids else [""]))
    request = draw(_REQUESTS)
    if which == "review":
        return Review(draw(st.sampled_from(ids)), draw(st.booleans()), request)
    if which == "suppress":
        chosen = draw(st.lists(st.sampled_from(ids), min_size=1, max_size=3))
        return Suppress(tuple(chosen), draw(st.booleans()), request)
    if which == "accesses":
        chosen = draw(st.lists(st.sampled_from(ids), min_size=1, max_size=3, unique=True))
        return RecordAccesses(
            b"".join(struct.pack("<QQ", *each) for each in chosen),
            struct.pack(f"<{len(chosen)}I", *([draw(st.integers(1, 9))] * len(chosen))),
            struct.pack(f"<{len(chosen)}q", *([draw(TIMES_NS)] * len(chosen))),
        )
    changes = {
        "forgetting": draw(st.sampled_from(FORGETTING_MODELS)),
        "weights": (*FSRS_WEIGHTS[:20], draw(st.sampled_from([0.1, 0.1542, 0.5]))),
        "interference": draw(st.booleans()),
    }
    return Configure(changes, request)
