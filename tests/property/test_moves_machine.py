from __future__ import annotations

import msgspec
import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from engram.model.commands import AdoptEmbedder, Command, Erase, Forget, Reembed, RememberBatch
from engram.model.commands import Remember as Remember_
from engram.model.ids import MemoryId
from engram.state.apply import apply
from engram.state.bodies import SEALED
from engram.state.decide import decide
from engram.state.digest import digest
from engram.state.moves import Move, exchange, in_use, without
from engram.state.reading import memories_at
from engram.state.space import ALIVE, SpaceState, View
from engram.testing.sealed import sealed_in_memory
from engram.testing.strategies import DIMENSIONS, GROUPS, TIMES_NS, batches

NOW = 1_700_000_000_000_000_000
SHARES = st.integers(0, 2**16 - 1)


def _shown(view: View) -> tuple[object, ...]:
    """Return all that a caller may see of a view: memories, vectors, norms, by row."""
    rows = np.arange(view.count)
    if not view.count:
        return ()
    rows = rows[(view.gather("flags", rows) & ALIVE) != 0]
    memories = memories_at(view, rows.tolist(), "s", NOW)
    metadata = [bytes(view.metadata_of(row)) for row in rows.tolist()]
    vectors = view.vectors_of(rows) if view.dimensions else np.zeros((len(rows), 0))
    return memories, metadata, vectors.tobytes(), view.norms_of(rows).tobytes()


def _chosen(rows: np.ndarray, share: int) -> np.ndarray:
    """Return about half of the rows, another half for each share."""
    return rows[[bool(share >> (row % 16) & 1) for row in rows.tolist()]].astype(np.uint32)


class Moves(RuleBasedStateMachine):
    """Two spaces with the same log; in one of them bodies move, and nobody can tell."""

    def __init__(self) -> None:
        super().__init__()
        self.still, self.moved = SpaceState(), SpaceState()
        self.prepared: list[Move] = []
        self.views: list[tuple[View, tuple[object, ...]]] = []
        self.chances = self.segments = 0

    def _chance(self, count: int = 1) -> bytes:
        first, self.chances = self.chances, self.chances + count
        return b"".join(bytes(2) + n.to_bytes(8, "little") for n in range(first, first + count))

    def _commit(self, commands: list[Command], now: int) -> None:
        decision = decide(self.still, "s", commands, now)
        also = decide(self.moved, "s", commands, now)
        assert decision.events == also.events, "what is decided does not depend on places"
        for event, vectors in decision.events:
            for state in (self.still, self.moved):
                apply(state, event, vectors, state.lsn + 1)

    def _any_id(self, share: int) -> MemoryId | None:
        view = self.still.view()
        if not view.count:
            return None
        row = np.array([share % view.count])
        return MemoryId(int(view.gather("id_high", row)[0]), int(view.gather("id_low", row)[0]))

    @rule(group=GROUPS, now=TIMES_NS)
    def remember(self, group: list[Remember_], now: int) -> None:
        """Remember memories that wait together."""
        self._commit([msgspec.structs.replace(i, chance=self._chance()) for i in group], now)

    @rule(batch=batches(), now=TIMES_NS)
    def remember_many(self, batch: RememberBatch, now: int) -> None:
        """Remember a batch."""
        self._commit([msgspec.structs.replace(batch, chance=self._chance(batch.count))], now)

    @rule(share=SHARES, now=TIMES_NS)
    def forget(self, share: int, now: int) -> None:
        """Forget a memory, wherever its body is."""
        if (identity := self._any_id(share)) is not None:
            self._commit([Forget(identity)], now)

    @rule(share=SHARES, now=TIMES_NS)
    def erase(self, share: int, now: int) -> None:
        """Erase a memory, wherever its body is."""
        if (identity := self._any_id(share)) is not None:
            self._commit([Erase((identity,))], now)

    @rule(now=TIMES_NS)
    def reembed(self, now: int) -> None:
        """Give every living memory another vector, if all have a text."""
        view = self.still.view()
        rows = np.arange(view.count)
        if view.count:
            rows = rows[(view.gather("flags", rows) & ALIVE) != 0]
            ids = np.stack([view.gather("id_high", rows), view.gather("id_low", rows)], axis=1)
            vectors = np.full((len(rows), DIMENSIONS), 0.5, "<f4") * (1 + rows[:, None])
            raw, norms = ids.astype("<u8").tobytes(), np.ones(len(rows), "<f4").tobytes()
            reembed = Reembed(raw, "given", DIMENSIONS, norms, vectors.astype("<f4").tobytes())
            self._commit([reembed], now)
            self._commit([AdoptEmbedder("given", DIMENSIONS)], now)

    @rule(seal=SHARES, lift=SHARES)
    def prepare(self, seal: int, lift: int) -> None:
        """Prepare a move of some bodies into a segment and of others into RAM."""
        view = self.moved.view()
        landed = _chosen(np.arange(view.count), seal)
        raised = np.setdiff1d(_chosen(np.arange(view.count), lift), landed)
        if view.count:
            sealed = (view.gather("place", raised) >> 31).astype(bool)
            raised = raised[sealed]
        self.segments += 1
        landings = [sealed_in_memory(view, landed, self.segments)] if len(landed) else []
        self.prepared.append(Move(view, landings, raised))

    @rule()
    def catch_up(self) -> None:
        """Add to what was prepared what was recorded since."""
        for move in self.prepared:
            move.catch_up(self.moved.view())

    @rule()
    def carry_out(self) -> None:
        """Swap in what was prepared, if it still fits; the state never notices otherwise."""
        if self.prepared:
            self.prepared.pop().swap(self.moved)

    @rule()
    def tidy(self) -> None:
        """Take out the segments of which no body is in use."""
        view = self.moved.view()
        gone = [n for n, part in enumerate(view.sealed) if part and not in_use(view, n).any()]
        assert exchange(view, without(view, gone), self.moved)

    @rule()
    def look(self) -> None:
        """Hold a view to be compared at the end."""
        view = self.moved.view()
        self.views.append((view, _shown(view)))

    @invariant()
    def nobody_can_tell(self) -> None:
        """Compare both spaces by all that can be seen of them."""
        assert digest(self.still) == digest(self.moved)
        assert _shown(self.still.view()) == _shown(self.moved.view())

    @invariant()
    def each_slot_is_of_the_row_it_names(self) -> None:
        """Compare slots with places, and live bodies with those in use.

        A slot whose vector came later, in another slot, is nobody's.
        """
        view = self.moved.view()
        slots = np.arange(view.hot.count)
        if len(slots):
            rows = np.concatenate([page[: len(slots)] for page in view.hot.rows])[: len(slots)]
            named = view.gather("place", rows) == slots
            places = view.gather("place", np.arange(view.count))
            assert np.count_nonzero(places < SEALED) == np.count_nonzero(named)
        for index, part in enumerate(view.sealed):
            if part is not None and part.live is None:
                assert in_use(view, index).all()

    def teardown(self) -> None:
        """Compare what each view shows with what it showed."""
        for view, shown in self.views:
            if view.lsn >= self.moved.erasures.lsn_last():  # erasing reaches into views
                assert _shown(view) == shown, "a view never changes"


TestMoves = Moves.TestCase
TestMoves.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
