"""A team's shared space beside private ones: one question to both, and a memory that is passed on.

Run it in an empty directory: python shared_and_private.py
"""

from __future__ import annotations

from collections.abc import Sequence

import anyio

import engram

RANK_DAMPING = 60
"""Of reciprocal rank fusion (Cormack, Clarke, Buettcher 2009)."""


async def recall_all(
    spaces: Sequence[engram.Space], cue: str, limit: int
) -> list[tuple[str, engram.Memory]]:
    """Ask several spaces at once; return (space, memory), best first.

    Scores of two spaces do not compare, ranks do: a memory counts 1 / (60 + its rank).
    """
    ranked: list[tuple[float, str, engram.Memory]] = []

    async def ask(space: engram.Space) -> None:
        for rank, hit in enumerate(await space.recall(cue, limit=limit), start=1):
            ranked.append((1 / (RANK_DAMPING + rank), space.id, hit.memory))

    async with anyio.create_task_group() as tasks:
        for space in spaces:
            tasks.start_soon(ask, space)
    ranked.sort(key=lambda found: (-found[0], found[1]))
    return [(space, memory) for _, space, memory in ranked[:limit]]


async def share(memory: engram.Memory, author: str, shared: engram.Space) -> str:
    """Pass a private memory on and return its id there; doing it twice makes one memory."""
    shared_memory = await shared.remember(
        memory.content,
        source=author,
        tags=memory.tags,
        occurred_at=memory.occurred_at,
        metadata={"shared_from": memory.id},
        request_key=f"share-{memory.id}",
    )
    return shared_memory.id


async def main() -> None:
    """Keep notes apart, ask for both, pass one on."""
    async with engram.open("./team") as db:
        shared, mine = await db.space("team"), await db.space("ada")
        await shared.remember("The office closes at six.", source="handbook")
        await shared.remember("Deployments are on Tuesdays.", source="handbook")
        note = await mine.remember("The deployment script needs the new token.", tags=["deploy"])

        for space, memory in await recall_all([mine, shared], "when do we deploy?", limit=2):
            print(f"{space}: {memory.content}")

        memory = await mine.get(note.id)
        first, again = await share(memory, "ada", shared), await share(memory, "ada", shared)
        print("passed on once:", first == again)
        (hit,) = await shared.recall("what does the script need?", limit=1)
        print(f"team, from {hit.memory.source}: {hit.memory.content}")


if __name__ == "__main__":
    anyio.run(main)
