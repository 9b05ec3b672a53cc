"""What Engram recalls for the questions, through its public API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

import engram
from benches.locomo.conversations import Conversation, Turn
from benches.locomo.measures import RESULTS
from engram.ports import Embedder
from engram.retrieval.fusion import FusionWeights
from engram.retrieval.seeding import SpreadingWeights
from engram.service.preparing import NewMemory
from engram.service.space import Space
from engram.settings import Settings

_SPREADING: Final = SpreadingWeights()


class Asked(NamedTuple):
    """A memory space that holds a conversation, and the place in it of each memory."""

    conversation: Conversation
    space: Space
    place_of: dict[str, int]

    def weighing(self, weights: FusionWeights, spreading: SpreadingWeights = _SPREADING) -> Asked:
        """Return the same space as if these weights were the defaults."""
        core = self.space._core._replace(  # noqa: SLF001 - not a public setting
            weights=weights, spreading=spreading
        )
        return self._replace(space=Space(self.space.id, core))

    async def answers(self, mode: str = "hybrid") -> list[list[int]]:
        """Return the places of what is recalled for each question, best first."""
        found = []
        for question in self.conversation.questions:
            result = await self.space.recall(question.text, limit=RESULTS, mode=mode)
            found.append([self.place_of[hit.memory.id] for hit in result.recollections])
        return found

    async def answers_by_vector(self, embedder: Embedder) -> list[list[int]]:
        """Return what is recalled for the vector of each question, without its words."""
        found = []
        vectors = await embedder.embed([each.text for each in self.conversation.questions])
        for vector in vectors:
            result = await self.space.recall(embedding=vector, limit=RESULTS, mode="similarity")
            found.append([self.place_of[hit.memory.id] for hit in result.recollections])
        return found


@asynccontextmanager
async def remembered(
    conversations: Sequence[Conversation], embedder: Embedder | None, directory: Path
) -> AsyncIterator[list[Asked]]:
    """Remember each conversation in a space of its own: a turn a memory, in its session.

    Nothing is linked to what it is like before `wait_linked`, and no concept formed, so that every
    run finds the same.
    """
    settings = Settings(linker=False, consolidation=False)
    async with engram.open(directory, embedder=embedder, settings=settings) as db:
        asked = []
        for number, conversation in enumerate(conversations):
            space = await db.space(f"conversation-{number}")
            stored = await space.remember_many([_memory(turn) for turn in conversation.turns])
            places: dict[str, int] = {}
            for place, memory_id in enumerate(stored.ids):
                places.setdefault(memory_id, place)  # the same words again are one memory
            asked.append(Asked(conversation, space, places))
        yield asked


def _memory(turn: Turn) -> NewMemory:
    memory = NewMemory(content=turn.text, session=turn.session)
    if turn.said_at is not None:
        memory["occurred_at"] = turn.said_at
    return memory
