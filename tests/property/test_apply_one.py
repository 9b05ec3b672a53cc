from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engram.model.commands import Forget, Remember
from engram.model.events import Remembered
from engram.model.particulars import Particulars
from engram.state.apply import apply
from engram.state.apply_columns import remembered_many
from engram.state.decide import decide
from engram.state.digest import digest
from engram.state.particulars import supersede
from engram.state.space import SpaceState
from engram.testing.strategies import VECTORS, remembers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram.model.commands import Command
    from engram.model.events import Event, Vectors
    from engram.state.columns import Arena, PagedColumn

NOW = 1_700_000_000_000_000_000
ROUNDS = st.lists(
    st.tuples(st.lists(remembers(vectors=VECTORS), min_size=1, max_size=3), st.booleans()),
    max_size=8,
)


def _stored(column: PagedColumn | None) -> bytes:
    """Return the bytes of a column's rows, without what its pages hold in reserve."""
    if column is None:
        return b"no column"
    rows = [page.reshape(len(page), -1) for page in column.pages]
    return b"".join([page.tobytes() for page in rows])[
        : column.count * max(1, column.width) * column.dtype.itemsize
    ]


def _bytes_of(arena: Arena) -> list[bytes]:
    return [bytes(arena.chunk(number)) for number in range(len(arena.sizes))]


def _everything(state: SpaceState) -> dict[str, object]:
    columns = {name: _stored(column) for name, column in state.columns.items()}
    keys = np.frombuffer(columns["content_key"], "<u8").tolist()
    ids = np.frombuffer(columns["id_low"], "<u8").tolist()
    return {
        **columns,
        "tags": _stored(state.tags),
        "vectors": _stored(state.hot.vectors),
        "norms": _stored(state.hot.norms),
        "rows by slot": _stored(state.hot.rows),
        "contents": _bytes_of(state.hot.contents),
        "metadata": _bytes_of(state.hot.metadata),
        "labels": state.labels.labels,
        **{f"edges {name}": _stored(each) for name, each in state.associations.parts().items()},
        "rows by id": [sorted(state.ids.find(key)) for key in ids],
        "rows by content": [sorted(state.content_keys.find(key)) for key in keys if key],
        "counts": (state.count, state.forgotten_count, state.vector_count, state.lsn),
        "corrections": [pairs.tolist() for pairs in state.corrections.pairs()],
        "last": (state.recorded_last, state.embedder, state.dimensions),
    }


def _apply_as_columns(state: SpaceState, event: Event, vectors: Vectors, lsn: int) -> None:
    if isinstance(event, Remembered):
        supersede(state, event)
        remembered_many(state, event, vectors)
        state.lsn = lsn
    else:
        apply(state, event, vectors, lsn)


@given(ROUNDS)
def test_one_memory_is_applied_alone_as_it_is_in_columns(
    rounds: Sequence[tuple[list[Remember], bool]],
) -> None:
    alone, columns = SpaceState(), SpaceState()
    for number, (items, forgets) in enumerate(rounds):
        for place, item in enumerate(items):
            item.chance = (8 * number + place).to_bytes(10, "big")
        commands: list[Sequence[Command]] = [[item] for item in items[:-1]]
        commands.append(items)
        for group in commands:
            decision = decide(alone, "s", group, NOW + number)
            for event, vectors in decision.events:
                lsn = alone.lsn + 1
                apply(alone, event, vectors, lsn)
                _apply_as_columns(columns, event, vectors, lsn)
            ids = [outcome.ids[0] for outcome in decision.outcomes if len(outcome.ids)]
        if ids:
            item = msgspec.structs.replace(
                items[0],
                chance=(8 * number + 7).to_bytes(10, "big"),
                particulars=Particulars(supersedes=ids[0]),
            )
            for event, vectors in decide(alone, "s", [item], NOW + number).events:
                lsn = alone.lsn + 1
                apply(alone, event, vectors, lsn)
                _apply_as_columns(columns, event, vectors, lsn)
        if forgets and ids:
            for event, vectors in decide(alone, "s", [Forget(ids[0])], NOW).events:
                lsn = alone.lsn + 1
                apply(alone, event, vectors, lsn)
                _apply_as_columns(columns, event, vectors, lsn)
        assert _everything(alone) == _everything(columns)
        assert digest(alone) == digest(columns)
