from __future__ import annotations

import struct
from typing import NamedTuple
from unittest import mock

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from engram.model.events import Answered
from engram.model.limits import REQUEST_KEYS_NS
from engram.state import request_keys
from engram.state.request_keys import RequestKeys

KEYS_MAX, IDS_MAX, CLEARED_MIN = 12, 20, 4
KEYS = st.integers(1, 30)
STEPS_NS = st.sampled_from([0, 1, REQUEST_KEYS_NS // 3, REQUEST_KEYS_NS - 1, REQUEST_KEYS_NS])


class _Kept(NamedTuple):
    body: int
    lsn: int
    at: int
    ids: list[list[int]]
    created: list[bool]


class AgainstDict(RuleBasedStateMachine):
    """The answers kept, beside a dictionary that is searched from end to end."""

    def __init__(self) -> None:
        super().__init__()
        self.small = mock.patch.multiple(
            request_keys,
            REQUEST_KEYS_MAX=KEYS_MAX,
            REQUEST_IDS_MAX=IDS_MAX,
            _CLEARED_MIN=CLEARED_MIN,
        )
        self.small.start()
        self.keys = RequestKeys()
        self.model: dict[tuple[int, int], _Kept] = {}
        self.now = self.lsn = self.next_id = 1

    def _model_find(self, key: tuple[int, int]) -> _Kept | None:
        kept = self.model.get(key)
        return kept if kept is not None and kept.at + REQUEST_KEYS_NS > self.now else None

    @rule(
        keys=st.lists(KEYS, min_size=1, max_size=4, unique=True),
        counts=st.lists(st.integers(0, 3), min_size=4, max_size=4),
        step=STEPS_NS,
    )
    def answer(self, keys: list[int], counts: list[int], step: int) -> None:
        """Answer some requests in one record."""
        self.now += step
        self.lsn += 1
        fresh = [(7, key) for key in keys if self._model_find((7, key)) is None]
        if not fresh:
            return
        added: list[_Kept] = []
        for key, count in zip(fresh, counts, strict=False):
            ids = [[1, self.next_id + n] for n in range(count)]
            self.next_id += count
            added.append(_Kept(key[1] * 3, self.lsn, self.now, ids, [True] * count))
            self.model.pop(key, None)
            self.model[key] = added[-1]
        ids = [each for kept in added for each in kept.ids]
        event = Answered(
            at=self.now,
            keys=b"".join(struct.pack("<QQ", *key) for key in fresh),
            bodies=b"".join(struct.pack("<Q", kept.body) for kept in added),
            id_counts=b"".join(struct.pack("<I", len(kept.ids)) for kept in added),
            ids=b"".join(struct.pack("<QQ", *each) for each in ids),
            created=b"\1" * len(ids),
            forgotten=None,
            remembered=None,
            revectored=None,
            seen=None,
        )
        self.keys.add(event, self.lsn)
        self._let_go()

    def _let_go(self) -> None:
        while self.model and (
            len(self.model) > KEYS_MAX
            or sum(len(kept.ids) for kept in self.model.values()) > IDS_MAX
            or next(iter(self.model.values())).at + REQUEST_KEYS_NS <= self.now
        ):
            del self.model[next(iter(self.model))]

    @rule(share=st.floats(0, 1), also=st.floats(0, 1))
    def drop(self, share: float, also: float) -> None:
        """Erase memories: every answer that names one goes, and counts for nothing any more."""
        with_ids = [key for key, kept in self.model.items() if kept.ids]
        if not with_ids:
            return
        keys = {with_ids[int(each * (len(with_ids) - 1))] for each in (share, also)}
        erased = [each for key in keys for each in self.model.pop(key).ids]
        self.keys.drop(np.array(erased, np.uint64))

    @rule()
    def reload(self) -> None:
        """Write all answers out and read them back."""
        before = self.keys.view().dump()
        self.keys = RequestKeys.load(before)
        for name, values in self.keys.view().dump().items():
            assert np.array_equal(values, before[name])
            assert values.dtype == before[name].dtype

    @invariant()
    def holds_as_many_as_the_model(self) -> None:
        """What was answered and not erased, too old or too many."""
        assert len(self.keys) == len(self.model)
        assert len(self.keys.view().dump()["keys"]) == len(self.model)

    @invariant()
    def finds_what_the_model_holds(self) -> None:
        """Ask for every key there may be."""
        for number in range(1, 31):
            found, kept = self.keys.find((7, number), self.now), self._model_find((7, number))
            assert (found is None) == (kept is None)
            assert self.keys.find((8, number), self.now) is None
            if found is not None and kept is not None:
                assert (found.body, found.lsn) == (kept.body, kept.lsn)
                assert found.ids.tolist() == kept.ids
                assert found.created.tolist() == kept.created

    def teardown(self) -> None:
        """Take the small limits back."""
        self.small.stop()


TestAgainstDict = AgainstDict.TestCase
TestAgainstDict.settings = settings(max_examples=80, stateful_step_count=20, deadline=None)
