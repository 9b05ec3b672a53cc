"""What changes a memory's strength: settings of its space, feedback, hiding and bringing back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from engram.engine.space_engine import SpaceEngine
from engram.model.commands import Request, Review, Suppress
from engram.model.errors import InvalidRequest, MemoryNotFound
from engram.model.ids import MemoryId
from engram.model.memory import ForgetReceipt, Lability, Reviewed, Unsuppressed, to_datetime
from engram.service.forgetting import SUPPRESS
from engram.state.reconsolidation import window

USEFUL: Final = "useful"
WRONG: Final = "wrong"


def check_verdict(verdict: object) -> None:
    """Raise InvalidRequest for a verdict there is not."""
    if verdict not in (USEFUL, WRONG):
        raise InvalidRequest(f"feedback is {verdict!r}; it must be {USEFUL!r} or {WRONG!r}")


async def review(
    engine: SpaceEngine, memory: MemoryId, verdict: str, request: Request | None
) -> Reviewed:
    """Record feedback; return the strength it led to."""
    outcome, lsn = await engine.submit(Review(memory, verdict == USEFUL, request))
    view = engine.view
    row = view.row_of(*memory)
    if row is None:  # forgotten in the meantime
        raise MemoryNotFound(str(memory), engine.space)
    return Reviewed(
        id=str(memory),
        lsn=lsn,
        counted=bool(outcome.created[0]),
        stability_days=view.value("stability_days", row),
        difficulty=view.value("difficulty", row),
    )


async def suppress(
    engine: SpaceEngine, ids: Sequence[MemoryId], request: Request | None = None
) -> ForgetReceipt:
    """Hide memories from every answer, all in one step."""
    _, lsn = await engine.submit(Suppress(tuple(ids), hidden=True, request=request))
    return ForgetReceipt(tuple(map(str, ids)), SUPPRESS, lsn)


async def unsuppress(
    engine: SpaceEngine, ids: Sequence[MemoryId], request: Request | None
) -> Unsuppressed:
    """Bring hidden memories back, all in one step."""
    outcome, lsn = await engine.submit(Suppress(tuple(ids), hidden=False, request=request))
    brought = zip(outcome.ids, outcome.created, strict=True)
    return Unsuppressed(tuple(str(each) for each, changed in brought if changed), lsn)


def lability(engine: SpaceEngine, memory: MemoryId, now: int) -> Lability:
    """Return whether and when a memory can be changed; MemoryNotFound when it is not there."""
    view = engine.view
    row = view.row_of(*memory, now=now)
    if row is None:
        raise MemoryNotFound(str(memory), engine.space)
    recorded = int(view.accesses.times_of(np.array([row]))[0])
    recalled_at = max(recorded, engine.unrecorded.of(view, row).last_at)
    found = window(int(view.value("recorded_at", row)), recalled_at)
    if found is None:
        return Lability()
    return Lability(
        found.plasticity(now), to_datetime(found.opens_at), to_datetime(found.closes_at)
    )
