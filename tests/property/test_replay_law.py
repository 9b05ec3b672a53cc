from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from engram.model.commands import (
    ANY_KIND,
    AdoptEmbedder,
    Command,
    Dissociate,
    EndExpired,
    Erase,
    Forget,
    Reembed,
    Remember,
    RememberBatch,
)
from engram.model.errors import (
    AssociationNotFound,
    Conflict,
    MemoryNotFound,
    MemorySuperseded,
    VectorsWouldBeLost,
)
from engram.model.events import decode, encode
from engram.model.ids import MemoryId, parse_id
from engram.model.memory import Memory, to_datetime
from engram.model.particulars import (
    Particulars,
)
from engram.state.apply import apply
from engram.state.current import id_of
from engram.state.decide import decide
from engram.state.digest import digest, history_digest
from engram.state.outcomes import Decision
from engram.state.reading import memory_at
from engram.state.space import SpaceState, View
from engram.testing.batch_items import items_of
from engram.testing.strategies import (
    DIMENSIONS,
    GROUPS,
    TIMES_NS,
    associates,
    batches,
    content_key,
    remembers,
    strength_commands,
)

NOW = 1_700_000_000_000_000_000


class _Known(NamedTuple):
    """What the model says of one memory."""

    command: Remember
    recorded_at: int
    seen: int
    vector: bytes
    embedder: str


def _listed(view: View) -> dict[str, Memory]:
    memories = [memory_at(view, row, "s", NOW) for row in range(view.count)]
    flags = view.gather("flags", np.arange(view.count)).tolist() if view.count else []
    return {m.id: m for m, flag in zip(memories, flags, strict=True) if flag & 1}


def _expired(command: Remember, now: int) -> bool:
    return command.particulars is not None and 0 < command.particulars.expires_at <= now


class ReplayLaw(RuleBasedStateMachine):
    """A space beside a plain dictionary: what it lists, what its log leads to, what views keep."""

    def __init__(self) -> None:
        super().__init__()
        self.state = SpaceState()
        self.log: list[tuple[int, bytes]] = []
        self.model: dict[str, _Known] = {}
        self.forgotten: list[MemoryId] = []
        self.history: dict[str, list[str]] = {}
        self.views: list[tuple[View, dict[str, Memory]]] = []
        self.recorded_last = 0
        self.chances = 0

    def _chance(self, count: int = 1) -> bytes:
        """Return bytes for ids; chance that repeats would be chance that is broken."""
        first, self.chances = self.chances, self.chances + count
        return b"".join(bytes(2) + n.to_bytes(8, "little") for n in range(first, first + count))

    def _expired(self, now: int) -> set[str]:
        """Return what is expired when a command is decided: never before what was recorded."""
        moment = max(now, self.state.recorded_last + 1, self.state.request_keys.last_at)
        return {i for i, known in self.model.items() if _expired(known.command, moment)}

    def _commit(self, commands: list[Command], now: int) -> Decision:
        before = digest(self.state)
        decision = decide(self.state, "s", commands, now)
        assert digest(self.state) == before, "decide changes nothing"
        for event, vectors in decision.events:
            kind, buffers = encode(event, vectors)
            self.log.append((kind, b"".join(buffers)))
            apply(self.state, event, vectors, self.state.lsn + 1)
        return decision

    def _expect(
        self,
        item: Remember,
        id_text: str,
        expired: set[str],
        *,
        created: bool,
        takes_vector: bool = True,
    ) -> None:
        twin = next(
            (
                known_id
                for known_id, known in self.model.items()
                if item.content
                and known.command.content == item.content
                and known_id not in expired
            ),
            None,
        )
        assert created == (twin is None)
        if twin is not None:
            assert id_text == twin
            known = self.model[twin]
            self.model[twin] = known = known._replace(seen=known.seen + 1)
            if takes_vector and not known.vector:
                self.model[twin] = known._replace(vector=item.vector)
            return
        row = self.state.row_of(int(id_text[:18].replace("-", ""), 16), _low(id_text))
        recorded = int(self.state.columns["recorded_at"].value(row or 0))
        assert recorded > self.recorded_last, "recorded times only grow"
        self.recorded_last = recorded
        self.model[id_text] = _Known(item, recorded, 1, item.vector, "given" if item.vector else "")

    @rule(group=GROUPS, now=TIMES_NS)
    def remember(self, group: list[Remember], now: int) -> None:
        """Remember memories that wait together."""
        group = [msgspec.structs.replace(item, chance=self._chance()) for item in group]
        while group:
            expired = self._expired(now)
            decision = self._commit(list(group), now)
            for item, outcome in zip(group, decision.outcomes, strict=False):
                assert outcome.refusal is None
                created = bool(outcome.created[0])
                self._expect(item, str(outcome.ids[0]), expired, created=created)
            # Only a vector for a memory that the same group stores has to wait.
            group = group[decision.taken :]
            assert not group or group[0].vector

    @rule(batch=batches(), now=TIMES_NS)
    def remember_many(self, batch: RememberBatch, now: int) -> None:
        """Remember a batch in which some come twice."""
        batch = msgspec.structs.replace(batch, chance=self._chance(batch.count))
        expired = self._expired(now)
        outcome = self._commit([batch], now).outcomes[0]
        assert outcome.refusal is None
        ids = [str(MemoryId(int(high), int(low))) for high, low in outcome.ids]
        before = set(self.model)
        for item, id_text, created in zip(items_of(batch), ids, outcome.created, strict=True):
            # Callers give vectors with all items of a batch or with none.
            stored = id_text in before
            self._expect(item, id_text, expired, created=bool(created), takes_vector=stored)

    @rule(data=st.data(), now=TIMES_NS)
    def forget_and_remember(self, data: st.DataObject, now: int) -> None:
        """Forget a memory and remember its text again in one group."""
        expired = self._expired(now)
        living = self.model.keys() - expired
        if not living:
            return
        id_text = data.draw(st.sampled_from(sorted(living)))
        identity = MemoryId(int(id_text[:18].replace("-", ""), 16), _low(id_text))
        same = self.model[id_text].command
        fresh = msgspec.structs.replace(same, chance=self._chance(), vector=b"", particulars=None)
        fresh.inverse_norm = float("nan")
        decision = self._commit([Forget(identity), fresh, Forget(identity)], now)
        assert decision.taken == 3
        assert isinstance(decision.outcomes[2].refusal, MemoryNotFound)
        del self.model[id_text]
        self.forgotten.append(identity)
        self._expect(fresh, str(decision.outcomes[1].ids[0]), expired, created=True)

    @rule(data=st.data(), now=TIMES_NS)
    def end_expired(self, data: st.DataObject, now: int) -> None:
        """Note what expired as forgotten; before that nobody can forget it any more."""
        gone = sorted(self._expired(now))
        if gone:
            id_text = data.draw(st.sampled_from(gone))
            identity = MemoryId(int(id_text[:18].replace("-", ""), 16), _low(id_text))
            refusal = self._commit([Forget(identity)], now).outcomes[0].refusal
            assert isinstance(refusal, MemoryNotFound)
        ended = [str(MemoryId(*each)) for each in self._ended(now)]
        assert sorted(ended) == gone
        for id_text in gone:
            del self.model[id_text]
            self.forgotten.append(MemoryId(int(id_text[:18].replace("-", ""), 16), _low(id_text)))

    @rule(data=st.data(), item=remembers(vectors=st.none()), now=TIMES_NS)
    def correct(self, data: st.DataObject, item: Remember, now: int) -> None:
        """Let a memory take the place of another, in a group with what asks about that one."""
        living = sorted(self.model.keys() - self._expired(now))
        if not living:
            return
        id_text = data.draw(st.sampled_from(living))
        old = MemoryId(int(id_text[:18].replace("-", ""), 16), _low(id_text))
        chance = self._chance()
        content = f"correction {self.chances}".encode()
        item.particulars = msgspec.structs.replace(
            item.particulars or Particulars(), supersedes=old
        )
        item = msgspec.structs.replace(
            item, chance=chance, content=content, content_key=content_key(content)
        )
        again = msgspec.structs.replace(item, chance=self._chance())
        decision = self._commit([item, again, Forget(old)], now)
        assert decision.taken == 1, "what asks about it waits until it was superseded"
        new = str(decision.outcomes[0].ids[0])
        if not _expired(item, self.state.recorded_last + 1):
            for command in (again, Forget(old)):
                (outcome,) = self._commit([command], now).outcomes
                assert isinstance(outcome.refusal, MemorySuperseded)
                assert outcome.refusal.current_id == new
        del self.model[id_text]
        self.forgotten.append(old)
        self._expect(item, new, set(), created=True)
        self.history[new] = [*self.history.pop(id_text, [id_text]), new]

    def _ended(self, now: int) -> list[list[int]]:
        return [list(map(int, each)) for each in self._commit([EndExpired()], now).outcomes[0].ids]

    @rule(now=TIMES_NS)
    def forget_unknown(self, now: int) -> None:
        """Forget what is not there, or no more."""
        for identity in [MemoryId(1, 2), *self.forgotten[-1:]]:
            decision = self._commit([Forget(identity)], now)
            assert isinstance(decision.outcomes[0].refusal, MemoryNotFound)
            assert not decision.events

    @rule(data=st.data(), now=TIMES_NS)
    def erase(self, data: st.DataObject, now: int) -> None:
        """Erase a living or a forgotten memory: its bytes leave RAM, also for earlier views.

        Or one that only copies hold: it is noted.
        """
        known = [MemoryId(int(i[:18].replace("-", ""), 16), _low(i)) for i in sorted(self.model)]
        identity = data.draw(st.sampled_from([*known, *self.forgotten, MemoryId(7, 1)]))
        was_erased = self.state.erasures.holds(*identity)
        decision = self._commit([Erase((identity,), gone_too=identity.high == 7)], now)
        assert decision.outcomes[0].refusal is None
        assert bool(decision.events) != was_erased
        assert self.state.erasures.holds(*identity)
        gone = self.model.pop(str(identity), None)
        self.views = []
        if gone is not None:
            self.forgotten.append(identity)
        for version in self.history.get(str(identity), []):
            high, low = int(version[:18].replace("-", ""), 16), _low(version)
            assert self.state.row_with_id(high, low) is None, "it is gone with what it once was"

    @rule(data=st.data(), now=TIMES_NS)
    def strengthen(self, data: st.DataObject, now: int) -> None:
        """Review, list, hide or bring back memories: nothing else of them changes."""
        known = [MemoryId(int(i[:18].replace("-", ""), 16), _low(i)) for i in sorted(self.model)]
        self._commit([data.draw(strength_commands([*known, *self.forgotten[-1:]]))], now)

    @rule(now=TIMES_NS, share=st.floats(0, 1), vector=st.binary(min_size=12, max_size=12))
    def reembed(self, now: int, share: float, vector: bytes) -> None:
        """Stage vectors for some texts, then try to adopt them."""
        vector = np.nan_to_num(np.frombuffer(vector, "<f4"), posinf=1, neginf=1).tobytes()
        texts = [id_text for id_text, known in self.model.items() if known.command.content]
        staged = texts[: round(share * len(texts))]
        ids = [(int(i[:18].replace("-", ""), 16), _low(i)) for i in staged]
        norms = np.ones(len(ids), "<f4").tobytes()
        raw = np.array(ids, "<u8").reshape(-1, 2).tobytes()
        self._commit([Reembed(raw, "given", DIMENSIONS, norms, vector * len(ids))], now)
        outcome = self._commit([AdoptEmbedder("given", DIMENSIONS)], now).outcomes[0]
        textless = [k for k in self.model.values() if k.vector and not k.command.content]
        if len(staged) == len(texts) and not textless:
            assert outcome.refusal is None
        elif len(staged) == len(texts):
            assert isinstance(outcome.refusal, VectorsWouldBeLost)
        else:
            # What earlier rounds staged is there too, so an incomplete round may still be enough.
            assert outcome.refusal is None or isinstance(
                outcome.refusal, Conflict | VectorsWouldBeLost
            )
        if outcome.refusal is not None:
            return
        for id_text, known in self.model.items():
            row = self.state.row_of(int(id_text[:18].replace("-", ""), 16), _low(id_text))
            assert row is not None
            held = b""
            if int(self.state.columns["flags"].value(row)) & 2:
                held = self.state.view().vectors_of(np.array([row])).tobytes()
                assert known.command.content
            assert bool(held) == bool(known.command.content)
            if id_text in staged:
                assert held == vector
            self.model[id_text] = known._replace(vector=held)

    @rule(data=st.data(), now=TIMES_NS)
    def associate(self, data: st.DataObject, now: int) -> None:
        """Make edges between memories, some of them again."""
        ids = [parse_id(id_text) for id_text in self.model]
        if len(ids) > 1:
            command = data.draw(associates(ids))
            refusal = self._commit([command], now).outcomes[0].refusal
            assert refusal is None or isinstance(refusal, MemoryNotFound), "one may have expired"

    @rule(data=st.data(), now=TIMES_NS)
    def dissociate(self, data: st.DataObject, now: int) -> None:
        """End edges, or be told that there are none."""
        ids = [parse_id(id_text) for id_text in self.model]
        if len(ids) > 1:
            pair = st.lists(st.sampled_from(ids), min_size=2, max_size=2, unique=True)
            source, target = data.draw(pair)
            kind = data.draw(st.sampled_from([0, 1, 2, ANY_KIND]))
            refusal = self._commit([Dissociate(source, target, kind)], now).outcomes[0].refusal
            assert refusal is None or isinstance(refusal, AssociationNotFound | MemoryNotFound)

    @rule()
    def look(self) -> None:
        """Hold a view to be compared at the end."""
        view = self.state.view()
        self.views.append((view, _listed(view)))

    @invariant()
    def lists_what_the_model_says(self) -> None:
        """Compare every field of every memory with the dictionary."""
        view = self.state.view()
        listed = _listed(view)
        assert listed.keys() == self.model.keys()
        assert view.count - view.forgotten_count == len(self.model)
        ends = [known.command.particulars for known in self.model.values()]
        assert view.expiring_count == sum(bool(each and each.expires_at) for each in ends)
        hidden = [memory for memory in listed.values() if memory.suppressed]
        assert view.suppressed_count == len(hidden)
        assert view.vector_count == sum(bool(known.vector) for known in self.model.values())
        for id_text, known in self.model.items():
            memory, command = listed[id_text], known.command
            occurred = command.occurred_at
            occurred = known.recorded_at if occurred is None else occurred
            assert memory.content.encode() == command.content
            assert memory.occurred_at == to_datetime(occurred)
            assert memory.recorded_at == to_datetime(known.recorded_at)
            assert np.float32(memory.confidence) == np.float32(command.confidence)
            more = command.particulars or Particulars()
            end = to_datetime(more.expires_at) if more.expires_at else None
            assert (memory.entities, memory.fact_key) == (more.entities, more.fact_key)
            assert (memory.priority, memory.expires_at) == (more.priority, end)
            assert (memory.tags, memory.source, memory.session, memory.seen_count) == (
                command.tags,
                command.source,
                command.session,
                known.seen,
            )
            row = self.state.row_of(int(id_text[:18].replace("-", ""), 16), _low(id_text))
            assert row is not None
            chain = view.corrections.chain(row, view.count)
            versions = [str(id_of(view, each)) for each in chain]
            assert versions == self.history.get(id_text, [id_text])
            assert bytes(view.metadata_of(row)) == command.metadata
            if known.vector:
                assert view.vectors_of(np.array([row])).tobytes() == known.vector

    @invariant()
    def its_log_leads_to_the_same_state(self) -> None:
        """Replay the encoded log from nothing."""
        replayed = SpaceState()
        for lsn, (kind, payload) in enumerate(self.log, start=1):
            event, vectors = decode(kind, payload)
            apply(replayed, event, vectors, lsn)
        assert digest(replayed) == digest(self.state)
        assert history_digest(replayed, -(1 << 63)) == history_digest(self.state, -(1 << 63))
        assert replayed.recorded_last == self.state.recorded_last

    def teardown(self) -> None:
        """Compare what each view shows with what it showed."""
        for view, listed in self.views:
            assert _listed(view) == listed, "a view never changes"


def _low(id_text: str) -> int:
    return int(id_text[19:].replace("-", ""), 16)


TestReplayLaw = ReplayLaw.TestCase
TestReplayLaw.settings = settings(max_examples=60, stateful_step_count=10, deadline=None)
