"""How well recall finds the answers in a small made-up conversation, as any caller asks."""

from __future__ import annotations

import pytest

from engram.adapters.embedders.static import StaticEmbedder
from engram.service.space import Space
from engram.testing.stores import simulated_store

pytestmark = pytest.mark.anyio

SESSIONS = {
    "spring": [
        "Ines: Paul, which instrument did you learn as a child?",
        "Paul: The cello, for nine years, until my teacher retired.",
        "Ines: I never had the patience. I painted instead, mostly boats.",
        "Paul: Do you still paint?",
        "Ines: Every Sunday, in the shed behind the house.",
    ],
    "summer": [
        "Paul: We are back from the mountains, Ines! The twins walked every day.",
        "Ines: Lovely! Did anything go wrong on the trip?",
        "Paul: The tyre burst on the pass, and nobody had a jack.",
        "Ines: Oh no. My trip was quiet, two weeks with Greta at the lake.",
        "Paul: Did you get to paint there?",
        "Ines: Twelve small ones, all of the same jetty.",
    ],
    "autumn": [
        "Ines: What are the twins doing at school, Paul?",
        "Paul: One builds a robot, the other collects mushrooms.",
        "Ines: Greta broke her wrist last week, on the stairs.",
        "Paul: Poor Greta! Which hand?",
        "Ines: The left one, luckily.",
    ],
}
TURNS = [turn for said in SESSIONS.values() for turn in said]

SAID_IN_REPLY = [
    ("Which instrument did Paul play as a child?", "Paul: The cello, for nine"),
    ("What went wrong on Paul's trip?", "Paul: The tyre burst"),
    ("Which hand did Greta break?", "Ines: The left one"),
    ("What do the twins do at school?", "Paul: One builds a robot"),
]


async def remember(space: Space) -> None:
    await space.remember_many(
        [
            {"content": turn, "session": session}
            for session, said in SESSIONS.items()
            for turn in said
        ]
    )


async def first(space: Space, question: str, count: int) -> list[str]:
    found = await space.recall(question, limit=count)
    return [hit.memory.content for hit in found.recollections]


@pytest.mark.parametrize(("question", "answer"), SAID_IN_REPLY)
async def test_a_reply_is_found_through_the_question_before_it(question: str, answer: str) -> None:
    async with simulated_store(embedder=StaticEmbedder()) as db:
        space = await db.space()
        await remember(space)
        assert any(text.startswith(answer) for text in await first(space, question, 3))


async def test_what_one_of_them_says_of_a_thing_comes_first() -> None:
    async with simulated_store(embedder=StaticEmbedder()) as db:
        space = await db.space()
        await remember(space)
        assert (await first(space, "What does Ines paint?", 1))[0].startswith("Ines: ")
