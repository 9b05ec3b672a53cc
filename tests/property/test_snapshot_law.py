"""Live state == a snapshot at any LSN + the rest of the log, whatever came before and between."""

from __future__ import annotations

import msgspec
import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from engram.engine.opener import open_no_segment
from engram.model.commands import (
    ANY_KIND,
    AdoptEmbedder,
    Dissociate,
    Erase,
    Forget,
    Reembed,
    Remember,
    RememberBatch,
)
from engram.model.ids import MemoryId
from engram.model.particulars import Particulars
from engram.state.associations import Associations
from engram.state.digest import digest
from engram.state.space import SpaceState
from engram.storage.snapshots import RETAINED_COUNT
from engram.testing.snapshots import SPACE, RecordedSpace
from engram.testing.strategies import (
    DIMENSIONS,
    GROUPS,
    TIMES_NS,
    VECTORS,
    associates,
    batches,
    remembers,
    strength_commands,
)


def whole(state: SpaceState) -> tuple[object, ...]:
    """Return all a state holds, the digest's content and what is not in it."""
    rows = np.arange(state.count)
    view = state.view()
    columns = {
        name: view.gather(name, rows).tolist() if len(rows) else [] for name in state.columns
    }
    staged = {
        embedder: (each.dimensions, each.present(state.count).tolist())
        for embedder, each in state.staged.items()
    }
    answers = {name: array.tolist() for name, array in state.request_keys.view().dump().items()}
    found = [list(state.ids.find(low)) for low in columns["id_low"]]
    by_content = [
        sorted(row for row in state.content_keys.find(key) if state.alive(row))
        for key in columns["content_key"]
    ]
    return (
        digest(state),
        (state.lsn, state.forgotten_count, state.vector_count, state.recorded_last),
        (state.settings, state.suppressed_count, view.accesses.row_count),
        (view.accesses.counts_of(rows).tolist(), view.accesses.times_of(rows).tolist()),
        columns,
        state.expiring_count,
        [each.tolist() for each in state.corrections.pairs()],
        [state.corrections.chain(row, state.count) for row in rows.tolist()],
        [view.labels_of(row) for row in rows.tolist()],
        state.labels.labels,
        staged,
        (state.erasures.ids.tolist(), state.erasures.at.tolist(), state.erasures.lsns.tolist()),
        answers,
        found,
        by_content,
        _edges(state.associations),
    )


def _edges(state: Associations) -> dict[str, list[float]]:
    """Return all columns of the edges but those that are derived."""
    derived = ("heads", "before", "row_nodes")
    return {
        name: column.take(np.arange(column.count)).tolist() if column.count else []
        for name, column in state.parts().items()
        if name not in derived
    }


class SnapshotLaw(RuleBasedStateMachine):
    """Commands and checkpoints in any order; every retained snapshot leads to the present."""

    def __init__(self) -> None:
        super().__init__()
        self.space = RecordedSpace()
        self.chances = 0

    def _chance(self, count: int = 1) -> bytes:
        first, self.chances = self.chances, self.chances + count
        return b"".join(bytes(2) + n.to_bytes(8, "little") for n in range(first, first + count))

    def _ids(self) -> list[MemoryId]:
        columns = self.space.state.columns
        return [
            MemoryId(int(columns["id_high"].value(row)), int(columns["id_low"].value(row)))
            for row in range(self.space.state.count)
        ]

    @rule(group=GROUPS, now=TIMES_NS)
    def remember(self, group: list[Remember], now: int) -> None:
        """Remember memories that wait together."""
        self.space.commit(
            [msgspec.structs.replace(item, chance=self._chance()) for item in group], now
        )

    @rule(batch=batches(), now=TIMES_NS)
    def remember_many(self, batch: RememberBatch, now: int) -> None:
        """Remember a batch."""
        self.space.commit([msgspec.structs.replace(batch, chance=self._chance(batch.count))], now)

    @rule(data=st.data(), erase=st.booleans(), now=TIMES_NS)
    def take_out(self, data: st.DataObject, now: int, *, erase: bool) -> None:
        """Forget or erase a memory; a second time is refused."""
        ids = self._ids()
        if ids:
            chosen = data.draw(st.sampled_from(ids))
            self.space.commit([Erase((chosen,)) if erase else Forget(chosen)], now)

    @rule(data=st.data(), now=TIMES_NS)
    def strengthen(self, data: st.DataObject, now: int) -> None:
        """Review, list, hide or bring back memories, or change how the space forgets."""
        self.space.commit([data.draw(strength_commands(self._ids()))], now)

    @rule(data=st.data(), item=remembers(vectors=VECTORS), now=TIMES_NS)
    def correct(self, data: st.DataObject, item: Remember, now: int) -> None:
        """Correct a memory; one that does not live any more is left as it is."""
        ids = self._ids()
        if ids:
            old = data.draw(st.sampled_from(ids))
            item.particulars = Particulars(priority=7, supersedes=old)
            self.space.commit([msgspec.structs.replace(item, chance=self._chance())], now)

    @rule(adopt=st.booleans(), now=TIMES_NS)
    def reembed(self, now: int, *, adopt: bool) -> None:
        """Stage vectors for the living, and perhaps make them the space's own."""
        state = self.space.state
        alive = [row for row in range(state.count) if state.alive(row)]
        if not alive:
            return
        ids = self._ids()
        raw = np.array([ids[row] for row in alive], "<u8").tobytes()
        vectors = np.ones((len(alive), DIMENSIONS), "<f4").tobytes()
        norms = np.full(len(alive), DIMENSIONS**-0.5, "<f4").tobytes()
        self.space.commit([Reembed(raw, "new", DIMENSIONS, norms, vectors)], now)
        if adopt:
            self.space.commit([AdoptEmbedder("new", DIMENSIONS)], now)

    @rule(data=st.data(), now=TIMES_NS)
    def associate(self, data: st.DataObject, now: int) -> None:
        """Make edges, and end some."""
        ids = [each for each in self._ids() if self.space.state.row_of(*each) is not None]
        if len(ids) > 1:
            self.space.commit([data.draw(associates(ids))], now)
            pair = st.lists(st.sampled_from(ids), min_size=2, max_size=2, unique=True)
            source, target = data.draw(pair)
            self.space.commit([Dissociate(source, target, ANY_KIND)], now)

    @rule()
    def checkpoint(self) -> None:
        """Take a snapshot."""
        assert self.space.checkpoint().lsn == self.space.state.lsn

    @rule()
    def reopen(self) -> None:
        """Go on from what the disk holds."""
        snapshots, loaded = self.space.reopened()
        assert not snapshots.damaged
        state = SpaceState() if loaded is None else loaded.state
        self.space.state, self.space.snapshots = self.space.replayed(state), snapshots

    @invariant()
    def every_retained_snapshot_leads_to_the_present(self) -> None:
        """Whatever snapshot is loaded, the records after it complete it."""
        snapshots, loaded = self.space.reopened()
        assert len(snapshots.retained) <= RETAINED_COUNT
        if loaded is not None:
            expected = whole(self.space.state)
            assert whole(self.space.replayed(loaded.state)) == expected
            for retained in snapshots.retained:
                older = snapshots.load_one(retained, open_no_segment(SPACE)).state
                assert whole(self.space.replayed(older)) == expected


TestSnapshotLaw = SnapshotLaw.TestCase
TestSnapshotLaw.settings = settings(max_examples=50, stateful_step_count=15, deadline=None)
