"""Where writes create no spaces, only what is meant to creates one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from engram.model.errors import SpaceNotFound
from engram.service.space import Space
from engram.settings import Settings
from engram.testing.stores import simulated_store
from engram.wiring import open_store

pytestmark = pytest.mark.anyio

WRITES: dict[str, Callable[[Space], Awaitable[object]]] = {
    "remember": lambda space: space.remember("a"),
    "remember with a vector": lambda space: space.remember("a", embedding=[1.0, 0.0]),
    "remember with a tag": lambda space: space.remember("a", tags=["t"]),
    "remember many": lambda space: space.remember_many(["a", "b"]),
    "configure": lambda space: space.configure(forgetting="none"),
}


@pytest.mark.parametrize("name", WRITES)
async def test_a_write_to_a_space_that_is_not_there_is_refused(name: str) -> None:
    """With how to create it; nothing is left behind, and after that the same write is done."""
    async with simulated_store(creates_on_write=False) as db:
        space = await db.space("notes")
        with pytest.raises(SpaceNotFound, match="create it with `engram space create notes`"):
            await WRITES[name](space)
        assert [each.id for each in await db.spaces()] == ["default"]
        await db.create_space("notes")
        await WRITES[name](space)
        await (await db.space()).remember("the default space is always there")
    async with simulated_store() as db:
        await WRITES[name](await db.space("notes"))
        assert [each.id for each in await db.spaces()] == ["default", "notes"]


@pytest.mark.parametrize("is_on", [True, False])
async def test_the_setting_decides(tmp_path: Path, is_on: bool) -> None:
    settings = Settings(create_on_write=is_on, embedder="none", kernels="numpy")
    async with open_store(tmp_path, settings=settings) as db:
        space = await db.space("notes")
        if not is_on:
            with pytest.raises(SpaceNotFound):
                await space.remember("a")
        else:
            await space.remember("a")
        assert len(await db.spaces()) == 1 + is_on
