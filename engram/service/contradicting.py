"""Contradictions between current memories: found and reported, never resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram.model.contradiction import Claim, Contradiction
from engram.model.cue import NO_FILTERS
from engram.model.ids import parse_id
from engram.model.limits import CLAIMS_COUNT_MAX
from engram.service.questions import check_limit
from engram.service.reading import memories_of, on_bodies
from engram.state.current import not_found

if TYPE_CHECKING:
    from engram.engine.space_engine import SpaceEngine
    from engram.model.memory import Memory
    from engram.retrieval.facts import Dispute
    from engram.service.core import Core


async def contradictions(
    core: Core, engine: SpaceEngine, memory_id: str | None, limit: int
) -> tuple[Contradiction, ...]:
    """Carry out `Space.contradictions` over the newest durable view."""
    check_limit(limit)
    identity = None if memory_id is None else parse_id(memory_id)

    async def read() -> tuple[Contradiction, ...]:
        view, now = engine.view, core.clock.now()
        row = None
        if identity is not None:
            row = view.row_of(*identity, now=now)
            if row is None:
                raise not_found(view, engine.space, identity, now)
        current = await engine.readers.run(lambda _: engine.row_masks.rows(view, NO_FILTERS, now))
        found: list[Dispute] = await engine.readers.run(
            lambda cancel: engine.facts.disputes(view, current, cancel.check)
        )
        if row is not None:
            found = [dispute for dispute in found if row in dispute.rows]
        found = found[:limit]
        chosen = [_newest(dispute, row) for dispute in found]
        pairs = list(zip(found, chosen, strict=True))
        rows = sorted({dispute.rows[at] for dispute, places in pairs for at in places})
        memories = dict(zip(rows, await memories_of(core, engine, view, rows, now), strict=True))
        return tuple(_told(dispute, places, memories) for dispute, places in pairs)

    return await on_bodies(engine, read)


def _newest(dispute: Dispute, row: int | None) -> list[int]:
    """Return which claims to show, the newest first: of each value one before a second of any."""
    places = range(len(dispute.rows) - 1, -1, -1)
    seen: set[tuple[str, bool]] = set()
    again = []
    for at in places:
        claim = dispute.values[at], dispute.denied[at]
        again.append((dispute.rows[at] != row, claim in seen, -at))
        seen.add(claim)
    return sorted((-at for *_, at in sorted(again)[:CLAIMS_COUNT_MAX]), reverse=True)


def _told(dispute: Dispute, places: list[int], memories: dict[int, Memory]) -> Contradiction:
    claims = tuple(
        Claim(dispute.values[at], dispute.denied[at], memories[dispute.rows[at]]) for at in places
    )
    return Contradiction(dispute.subject, dispute.relation or None, claims, len(dispute.rows))
