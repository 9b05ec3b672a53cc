"""Compaction beside a space that keeps every row: whenever it comes, nobody can tell."""

from __future__ import annotations

import hashlib
import math
import random
import struct
from collections import Counter

import numpy as np
import pytest

from engram.model.collecting import collect
from engram.model.commands import (
    ANY_KIND,
    AdoptEmbedder,
    Associate,
    Command,
    Configure,
    Dissociate,
    EndExpired,
    Erase,
    Forget,
    RecordAccesses,
    Reembed,
    Remember,
    Review,
    Suppress,
)
from engram.model.ids import MemoryId
from engram.model.memory import Memory
from engram.model.particulars import Particulars
from engram.state.apply import apply
from engram.state.bodies import NO_ROW, SEALED
from engram.state.compaction import Compaction
from engram.state.decide import decide
from engram.state.digest import digest, history_digest
from engram.state.moves import Move, exchange
from engram.state.reading import memories_at
from engram.state.space import ALIVE, ERASED, SpaceState, View
from engram.testing.sealed import sealed_in_memory

NOW = 1_700_000_000_000_000_000
DIMENSIONS = 3
STEPS = 80
WORDS = ("", "tea", "sea", "b\u00e4r", "house", "boat")
LABELS = (None, "x", "y", "\u0645")


def _shown(view: View) -> dict[str, tuple[Memory, bytes]]:
    """Return all memories that were not erased, the forgotten ones too, with their vectors."""
    rows = np.arange(view.count)
    if not view.count:
        return {}
    rows = rows[(view.gather("flags", rows) & ERASED) == 0]
    vectors = view.vectors_of(rows)
    return {
        memory.id: (memory, vector.tobytes())
        for memory, vector in zip(memories_at(view, rows.tolist(), "s", NOW), vectors, strict=True)
    }


def _keys(state: SpaceState) -> set[int]:
    """Return the keys of all contents."""
    view = state.view()
    keys = view.gather("content_key", np.arange(view.count)).tolist() if view.count else []
    return set(keys) - {0}


def _staged(state: SpaceState) -> dict[tuple[str, int], bytes]:
    """Return each vector that waits for a living memory to be adopted, with its norm."""
    found = {}
    for embedder, staged in state.staged.items():
        rows = np.flatnonzero(staged.present(state.count))
        for row in filter(state.alive, rows.tolist()):
            value = staged.vectors.value(row).tobytes() + staged.norms.value(row).tobytes()
            found[embedder, int(state.columns["id_low"].value(row))] = value
    return found


class History:
    """Two spaces with the same log; one lets go of rows while bodies move and writes go on."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - repeatable is the point
        self.whole, self.compacted = SpaceState(), SpaceState()
        self.prepared: list[tuple[Compaction, View]] = []
        self.moves: list[Move] = []
        self.views: list[tuple[View, dict[str, tuple[Memory, bytes]]]] = []
        self.seen: Counter[str] = Counter()
        self.now = NOW

    def step(self) -> None:
        """Do one thing, and compare."""
        verbs = (
            (self.remember, 5),
            (self.forget, 5),
            (self.end_expired, 1),
            (self.correct, 2),
            (self.erase, 0.4),
            (self.strengthen, 3),
            (self.stage, 1),
            (self.adopt, 0.3),
            (self.associate, 1.5),
            (self.dissociate, 0.5),
            (self.move, 0.8),
            (self.rewrite, 0.8),
            (self.prepare, 2),
            (self.catch_up, 1),
            (self.compact, 2),
            (self.look, 0.5),
        )
        (verb,) = self.chance.choices([each for each, _ in verbs], [weight for _, weight in verbs])
        self.now += self.chance.choice([0, 1, 1000, -5])
        verb()
        self.compare()

    def commit(self, commands: list[Command]) -> None:
        """Carry commands out in both spaces."""
        decision = decide(self.whole, "s", commands, self.now)
        also = decide(self.compacted, "s", commands, self.now)
        assert decision.events == also.events, "what is decided does not depend on rows"
        for event, vectors in decision.events:
            for state in (self.whole, self.compacted):
                apply(state, event, vectors, state.lsn + 1)

    def memory(self) -> Remember:
        """Return a memory, often one that was remembered before."""
        chance = self.chance
        content = " ".join(chance.choices(WORDS, k=2)).encode()
        vector = [chance.uniform(-1, 1) for _ in range(DIMENSIONS)] if chance.random() < 0.7 else ()
        return Remember(
            content=content,
            content_key=int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little"),
            kind=chance.randrange(4),
            confidence=0.5,
            occurred_at=chance.choice([None, NOW]),
            source=chance.choice(LABELS),
            session=chance.choice(LABELS),
            tags=tuple(filter(None, chance.sample(LABELS, chance.randrange(3)))),
            metadata=chance.choice([b"", b"{}", b'{"a":1}']),
            vector=struct.pack(f"<{len(vector)}f", *vector),
            inverse_norm=1 / math.hypot(*vector) if vector else math.nan,
            embedder="",
            chance=chance.randbytes(10),
            particulars=self.particulars(),
        )

    def particulars(self) -> Particulars | None:
        """Return what few memories have, now and then an end soon."""
        chance = self.chance
        if chance.random() < 0.6:
            return None
        return Particulars(
            entities=tuple(filter(None, chance.sample(LABELS, 2))),
            fact_key=chance.choice(LABELS),
            priority=chance.randint(1, 10),
            expires_at=chance.choice([0, self.now + chance.choice([-3, 200, 5000])]),
        )

    def some_id(self) -> MemoryId | None:
        """Return the id of any row."""
        view = self.compacted.view()
        if not view.count:
            return None
        row = np.array([self.chance.randrange(view.count)])
        return MemoryId(int(view.gather("id_high", row)[0]), int(view.gather("id_low", row)[0]))

    def some_rows(self, rows: np.ndarray) -> np.ndarray:
        """Return a part of the rows."""
        share = self.chance.random()
        return rows[[self.chance.random() < share for _ in rows]].astype(np.uint32)

    def remember(self) -> None:
        """Remember some memories, together or as a batch."""
        memories = [self.memory() for _ in range(self.chance.choice([1, 2, 7]))]
        if self.chance.random() < 0.5:
            self.commit(list(memories))
        else:
            has_vectors = any(memory.vector for memory in memories)
            self.commit([collect(memories, "", DIMENSIONS if has_vectors else 0)])

    def forget(self) -> None:
        """Forget a memory or two."""
        for _ in range(self.chance.choice([1, 2])):
            if (identity := self.some_id()) is not None:
                self.commit([Forget(identity)])

    def correct(self) -> None:
        """Correct a memory; one that does not live any more is left as it is."""
        if (identity := self.some_id()) is not None:
            memory = self.memory()
            memory.particulars = Particulars(supersedes=identity)
            self.commit([memory])

    def end_expired(self) -> None:
        """Note as forgotten what expired."""
        self.commit([EndExpired()])

    def erase(self) -> None:
        """Erase a memory, wherever its body is."""
        if (identity := self.some_id()) is not None:
            self.commit([Erase((identity,))])

    def strengthen(self) -> None:
        """Review, hide or bring back a memory, count accesses, or choose another curve."""
        if (identity := self.some_id()) is None:
            return
        raw, many = struct.pack("<QQ", *identity), struct.pack("<I", self.chance.randrange(1, 9))
        hidden, useful = self.chance.random() < 0.5, self.chance.random() < 0.5
        commands: list[Command] = [
            Review(identity, useful),
            RecordAccesses(raw, many, struct.pack("<q", self.now)),
            Suppress((identity,), hidden),
            Configure({"forgetting": self.chance.choice(["fsrs", "none", "power"])}),
        ]
        self.commit([self.chance.choice(commands)])

    def stage(self) -> None:
        """Stage other vectors for some of the living, or for all."""
        view = self.whole.view()
        if not view.count:
            return
        rows = np.flatnonzero((view.gather("flags", np.arange(view.count)) & ALIVE) != 0)
        rows = rows if self.chance.random() < 0.3 else self.some_rows(rows)
        ids = np.stack([view.gather("id_high", rows), view.gather("id_low", rows)], axis=1)
        vectors = np.full((len(rows), DIMENSIONS), view.lsn, "<f4") + rows[:, None]
        raw, norms = ids.astype("<u8").tobytes(), np.ones(len(rows), "<f4").tobytes()
        self.commit([Reembed(raw, "given", DIMENSIONS, norms, vectors.astype("<f4").tobytes())])

    def adopt(self) -> None:
        """Adopt the staged vectors, if every living text has one."""
        self.commit([AdoptEmbedder("given", DIMENSIONS)])

    def associate(self) -> None:
        """Make an edge between two memories that live, or be refused."""
        source, target = self.some_id(), self.some_id()
        if source is None or target is None or source == target:
            return
        one, other = (np.array([each], "<u8").tobytes() for each in (source, target))
        weight = np.array([self.chance.random() or 1.0], "<f4").tobytes()
        why = np.array([self.chance.randrange(3)], "<u4").tobytes()
        kind, flags = bytes([self.chance.randrange(3)]), bytes([self.chance.choice([0, 2])])
        command = Associate(1, one, other, kind, flags, weight, weight, why, ["because", "x"])
        self.commit([command])

    def dissociate(self) -> None:
        """End what leads from one memory to another, or be refused."""
        source, target = self.some_id(), self.some_id()
        if source is not None and target is not None:
            self.commit([Dissociate(source, target, ANY_KIND)])

    def move(self) -> None:
        """Move bodies into a segment, now or in a while; a move that no longer fits says so."""
        while self.moves and self.chance.random() < 0.7:
            self.moves.pop().swap(self.compacted)
        view = self.compacted.view()
        landed = self.some_rows(np.arange(view.count))
        number = view.lsn
        landings = [sealed_in_memory(view, landed, number)] if len(landed) else []
        self.moves.append(Move(view, landings))
        if self.chance.random() < 0.5:
            self.seen["moved"] += self.moves.pop().swap(self.compacted)

    def rewrite(self) -> None:
        """Put others with the same bodies in the place of the segments."""
        view = self.compacted.view()
        parts = tuple(part and part._replace(segment=part.segment) for part in view.sealed)
        assert exchange(view, parts, self.compacted)

    def prepare(self) -> None:
        """Prepare a compaction of what was forgotten up to the end of some memory."""
        view = self.compacted.view()
        rows = np.arange(view.count)
        ended = [int(each) for each in view.gather("ended_at", rows) if each] if len(rows) else []
        horizon = self.chance.choice(ended) if ended else 0
        self.prepared.append((Compaction(self.compacted.freeze(), horizon, erased_stay=True), view))

    def catch_up(self) -> None:
        """Let what was prepared take over what happened since."""
        for compaction, _ in self.prepared:
            compaction.catch_up(self.compacted.freeze())

    def compact(self) -> None:
        """Swap in what was prepared; the map of its rows leads to the same memories."""
        if not self.prepared:
            return
        compaction, since = self.prepared.pop()
        before = self.compacted.view()
        if not compaction.swap(self.compacted):
            self.seen["void"] += 1
            return
        assert self.compacted.erasures.lsn_last() <= since.lsn, "copies hold what was erased"
        assert before.sealed is since.sealed, "segments were replaced"
        self.seen["dropped"] += bool(compaction.rows_dropped)
        self.seen["caught up"] += before.lsn > since.lsn and before.count > since.count
        self.seen["with segments"] += any(part is not None for part in before.sealed)
        after = self.compacted.view()
        new_rows = compaction.new_rows(before.count)
        kept = np.flatnonzero(new_rows != NO_ROW)
        assert new_rows[kept].tolist() == list(range(after.count))
        if len(kept):
            lows = after.gather("id_low", new_rows[kept].astype(np.int64))
            assert (before.gather("id_low", kept) == lows).all()

    def look(self) -> None:
        """Hold a view to be compared at the end."""
        view = self.compacted.view()
        self.views.append((view, _shown(view)))

    def compare(self) -> None:
        """Compare both spaces by all that may still be asked of them."""
        assert digest(self.whole) == digest(self.compacted)
        since = self.compacted.history_from
        assert history_digest(self.whole, since) == history_digest(self.compacted, since)
        whole, compacted = self.whole.view(), self.compacted.view()
        shown = _shown(compacted)
        everything = _shown(whole)
        assert all(everything[memory_id] == memory for memory_id, memory in shown.items())
        assert whole.vector_count == compacted.vector_count
        assert whole.settings == compacted.settings
        assert whole.suppressed_count == compacted.suppressed_count
        living = whole.count - whole.forgotten_count
        assert compacted.count - compacted.forgotten_count == living
        for memory_id, (memory, _) in shown.items():
            high, low = (int(memory_id.replace("-", "")[at : at + 16], 16) for at in (0, 16))
            assert (compacted.row_of(high, low) is None) == (memory.ended_at is not None)
            assert self.compacted.row_with_id(high, low) is not None
        for state in (self.whole, self.compacted):
            found = {row for key in _keys(state) for row in state.content_keys.find(key)}
            assert all(map(state.alive, found)), "forgotten contents are not looked up"
        assert _staged(self.whole) == _staged(self.compacted)
        self.compare_places(compacted)

    def compare_places(self, view: View) -> None:
        """Compare slots, places and segments with the rows they name."""
        slots = np.arange(view.hot.count)
        if len(slots):
            rows = np.concatenate([page[: len(slots)] for page in view.hot.rows])[: len(slots)]
            named = view.gather("place", rows) == slots
            places = view.gather("place", np.arange(view.count))
            assert np.count_nonzero(places < SEALED) == np.count_nonzero(named)
            assert not view.hot.slots_are_rows or (rows == slots).all()
        for part in view.sealed:
            if part is not None:
                assert ((part.rows < view.count) | (part.rows == NO_ROW)).all()

    def end(self) -> None:
        """Compare what each view shows with what it showed."""
        for view, shown in self.views:
            if view.lsn >= self.compacted.erasures.lsn_last():  # erasing reaches into views
                assert _shown(view) == shown, "a view never changes"


def _run(seeds: range) -> Counter[str]:
    seen: Counter[str] = Counter()
    for seed in seeds:
        history = History(seed)
        for _ in range(STEPS):
            history.step()
        history.end()
        seen += history.seen
    return seen


def test_nobody_can_tell_whenever_rows_are_dropped() -> None:
    """Histories in which compactions were caught up with, dropped rows, or were void."""
    seen = _run(range(12))
    assert min(seen[each] for each in ("dropped", "caught up", "void", "with segments")) > 0


@pytest.mark.prove
def test_nobody_can_tell_in_many_histories() -> None:
    """The same, many times."""
    _run(range(1_000, 3_000))
