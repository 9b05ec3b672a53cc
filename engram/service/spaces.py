"""The memory spaces of a store at a glance."""

from __future__ import annotations

from engram.model.memory import SpaceInfo
from engram.service.core import Core
from engram.state.concepts import memories_count


async def space_infos(core: Core) -> list[SpaceInfo]:
    """Return every memory space, opening those that are not; damaged ones say why."""
    registry, found = core.registry, []
    for name in await registry.recover_all():
        error, engine = registry.failure_of(name), registry.open_now(name)
        if error is not None:
            found.append(SpaceInfo(name, "unavailable", 0, str(error)))
        elif engine is not None:
            view = engine.view
            held = memories_count(view)
            found.append(SpaceInfo(name, "ready", held, concepts=view.formed_count))
    return found
