"""One memory space for each user: nobody is told what another user said.

Run it in an empty directory: python one_space_per_user.py
"""

from __future__ import annotations

import anyio

import engram

SAID = {
    "ada": [
        "I am allergic to peanuts.",
        "My flight to Turin leaves on Friday at nine.",
    ],
    "charles": [
        "I eat peanuts every day.",
        "On Friday the engine is shown to the Royal Society.",
    ],
}


async def main() -> None:
    """Remember what two users say, ask both spaces the same, and forget one user for good."""
    async with engram.open("./users") as db:
        for user, texts in SAID.items():
            # Built from your own key of the user, never from what the user typed.
            space = await db.space(f"user-{user}")
            await space.remember_many(texts)

        for user in SAID:
            space = await db.space(f"user-{user}")
            (hit,) = await space.recall("does the user eat peanuts?", limit=1)
            print(f"{user}: {hit.memory.content}")

        try:
            await db.space("user-Ada Lovelace")
        except engram.errors.InvalidRequest as error:
            print("refused:", error)

        await db.drop_space("user-ada")
        print("left:", sorted(space.id for space in await db.spaces()))


if __name__ == "__main__":
    anyio.run(main)
