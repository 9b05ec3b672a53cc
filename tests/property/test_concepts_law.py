"""Concepts are what their log leads to, and none is left whose episodes are not."""

from __future__ import annotations

import math
import struct

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engram.model.collecting import collect
from engram.model.commands import (
    Command,
    Consolidate,
    Erase,
    Forget,
    Remember,
    RememberBatch,
    Suppress,
)
from engram.model.events import decode, encode
from engram.model.ids import MemoryId
from engram.model.particulars import ParticularColumns, Particulars
from engram.state.apply import apply
from engram.state.concepts import CONCEPT_KIND, citing, concepts_of, episodes_of, is_formed
from engram.state.current import id_of
from engram.state.decide import decide
from engram.state.digest import digest, history_digest
from engram.state.outcomes import Decision
from engram.state.space import ALIVE, SUPPRESSED, SpaceState
from engram.testing.strategies import batches

NOW = 1_700_000_000_000_000_000
_EVER = -(1 << 63)


class _Space:
    """A state, the log that leads to it, and chance that never repeats."""

    def __init__(self) -> None:
        self.state = SpaceState()
        self.log: list[tuple[int, bytes]] = []
        self._chances = 0

    def chance(self, count: int) -> bytes:
        first, self._chances = self._chances, self._chances + count
        return b"".join(n.to_bytes(10, "little") for n in range(first, first + count))

    def done(self, *commands: Command) -> Decision:
        decision = decide(self.state, "s", commands, NOW)
        for event, vectors in decision.events:
            kind, buffers = encode(event, vectors)
            self.log.append((kind, b"".join(buffers)))
            apply(self.state, event, vectors, self.state.lsn + 1)
        return decision

    def living(self) -> list[int]:
        return [row for row in range(self.state.count) if self.state.alive(row, NOW)]

    def formed(self) -> list[int]:
        return [row for row in self.living() if is_formed(self.state, row)]

    def plain(self, text: str, kind: int, supersedes: MemoryId | None = None) -> Remember:
        """Return a command for a memory of words only."""
        more = None if supersedes is None else Particulars(supersedes=supersedes)
        return Remember(
            text.encode(), 0, kind, 0.5, None, "consolidation", None, (), b"{}", b"", math.nan, "",
            self.chance(1), particulars=more,
        )  # fmt: skip

    def consolidate(self, cited: list[int], older: int | None) -> Decision:
        """Form a concept from some rows, or let another one grow by them."""
        batch = collect([self.plain(f"of {cited}", 3)], "", 0)
        if older is not None:
            raw = struct.pack("<QQ", *id_of(self.state.view(), older))
            batch = msgspec.structs.replace(batch, particulars=ParticularColumns(supersedes=raw))
        count = len(cited)
        return self.done(
            Consolidate(
                numbering=self.state.numbering,
                embedder=self.state.embedder,
                replayed=struct.pack(f"<{count}I", *cited),
                concepts=batch,
                stabilities=struct.pack("<f", 3),
                difficulties=struct.pack("<f", 5),
                cited_counts=struct.pack("<I", count),
                cited=struct.pack(f"<{count}I", *cited),
                weights=struct.pack(f"<{count}f", *([0.75] * count)),
            )
        )


@settings(max_examples=60, deadline=None)
@given(batch=batches(), data=st.data())
def test_concepts_are_what_their_log_leads_to(batch: RememberBatch, data: st.DataObject) -> None:
    space = _Space()
    space.done(msgspec.structs.replace(batch, chance=space.chance(batch.count)))
    for step in range(data.draw(st.integers(2, 6))):
        living = space.living()
        if not living:
            break
        what = data.draw(st.sampled_from(["form", "grow", "forget", "erase", "hide", "correct"]))
        row: int = data.draw(st.sampled_from(living))
        identity = id_of(space.state.view(), row)
        concepts = space.formed()
        if what == "form" or (what == "grow" and concepts):
            kinds = space.state.columns["kind"]
            episodes = [each for each in living if int(kinds.value(each)) != CONCEPT_KIND]
            hidden = space.state.columns["flags"].take(np.array(living)) & SUPPRESSED
            older = data.draw(st.sampled_from(concepts)) if what == "grow" else None
            cited = sorted(data.draw(st.sets(st.sampled_from(episodes or living), min_size=1)))
            decision = space.consolidate(cited, older)
            assert bool(decision.events) or hidden.any() or not episodes
        elif what == "forget":
            # A concept that ends with its episode may be named beside it.
            pair = data.draw(st.sampled_from(living))
            both = [Forget(each) for each in {identity, id_of(space.state.view(), pair)}]
            assert space.done(*both).taken == len(both)
        elif what == "erase":
            space.done(Erase((identity,)))
            assert row not in space.living()
        elif what == "hide":
            space.done(Suppress((identity,), data.draw(st.booleans())))
        elif what == "correct":
            other: int = data.draw(st.sampled_from(living))
            forget = Forget(id_of(space.state.view(), other))
            space.done(forget, space.plain(f"correction {step}", 0, identity))
        _check(space)


def _check(space: _Space) -> None:
    state = space.state
    for concept in space.formed():
        episodes = episodes_of(state, concept)
        assert all(concept in concepts_of(state, row) for row in episodes)
        hidden = [int(state.columns["flags"].value(row)) & SUPPRESSED for row in episodes]
        if any(hidden):
            assert int(state.columns["flags"].value(concept)) & SUPPRESSED
    for row in set(range(state.count)) - set(space.living()):
        assert not [each for each in citing(state, row) if each in space.formed()]
    flags = [int(state.columns["flags"].value(row)) for row in range(state.count)]
    assert state.forgotten_count == sum(not each & ALIVE for each in flags)
    assert state.formed_count == len(space.formed())
    replayed = SpaceState()
    for lsn, (kind, payload) in enumerate(space.log, start=1):
        event, vectors = decode(kind, payload)
        apply(replayed, event, vectors, lsn)
    assert digest(replayed) == digest(state)
    assert replayed.formed_count == state.formed_count
    assert history_digest(replayed, _EVER) == history_digest(state, _EVER)
