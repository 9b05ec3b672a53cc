"""What commands do, on its way to events: apart, or with the answers in one record."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from engram.model.commands import Request
from engram.model.events import (
    Answered,
    Event,
    Forgotten,
    Remembered,
    Revectored,
    SeenAgain,
    Vectors,
)
from engram.state.outcomes import Outcome


class Effects(msgspec.Struct):
    """The events of one group, at most one of each kind, in the order they are applied."""

    forgotten: Forgotten | None = None
    remembered: Remembered | None = None
    vectors: Vectors = b""
    revectored: Revectored | None = None
    revectored_vectors: Vectors = b""
    seen: SeenAgain | None = None

    def events(
        self, at: int, answers: Sequence[tuple[Request, Outcome]] = ()
    ) -> list[tuple[Event, Vectors]]:
        """Return the events with their vectors; together with `answers` they are one event.

        What a request did and that it was answered must never be there one without the other, and
        only a record is whole whatever becomes of the log.
        """
        if answers:
            vectors = self.vectors
            if self.revectored is not None:
                vectors = b"".join([vectors, self.revectored_vectors])
            return [(self._answered(at, answers), vectors)]
        apart: list[tuple[Event | None, Vectors]] = [
            (self.forgotten, b""),
            (self.remembered, self.vectors),
            (self.revectored, self.revectored_vectors),
            (self.seen, b""),
        ]
        return [(event, vectors) for event, vectors in apart if event is not None]

    def _answered(self, at: int, answers: Sequence[tuple[Request, Outcome]]) -> Answered:
        ids = [np.array(outcome.ids, np.uint64).reshape(-1, 2) for _, outcome in answers]
        created = [np.array(outcome.created, bool) for _, outcome in answers]
        return Answered(
            at=at,
            keys=np.array([request.key for request, _ in answers], "<u8").tobytes(),
            bodies=np.array([request.body for request, _ in answers], "<u8").tobytes(),
            id_counts=np.array([len(each) for each in ids], "<u4").tobytes(),
            ids=np.concatenate(ids).astype("<u8", copy=False).tobytes(),
            created=np.concatenate(created).astype(np.uint8).tobytes(),
            forgotten=self.forgotten,
            remembered=self.remembered,
            revectored=self.revectored,
            seen=self.seen,
        )
