"""One memory on its way to the writer: checked, embedded where nobody gave its vector, stored."""

from __future__ import annotations

from numpy.typing import ArrayLike

from engram.engine.groups import Group
from engram.engine.space_engine import SpaceEngine
from engram.model.commands import Remember
from engram.model.ids import RANDOM_BYTES_PER_ID
from engram.model.memory import Remembered
from engram.service.core import Core
from engram.service.given_vectors import check_vector, with_vector
from engram.service.preparing import Item, prepare, prepare_plain
from engram.service.requests import body_of_remember, check_request_key, request_of
from engram.service.vectors import check_text_alone, embed, embedder_for


async def remember(
    core: Core, space: str, principal: str, item: Item, request_key: str | None
) -> Remembered:
    """Carry out `Space.remember`."""
    check_request_key(request_key)
    command = prepare(item, core.entropy.token(RANDOM_BYTES_PER_ID))
    if item.embedding is not None:
        with_vector(command, *check_vector(core.kernels, item.embedding), "")
    if request_key is not None:
        command.request = request_of(principal, request_key, body_of_remember(command))
    # Only what is sound may create the space.
    engine = core.registry.open_now(space)
    if engine is None:
        engine = await core.open_to_write(space)
    if item.embedding is None:
        await embed_text(core, engine, command, str(item.content))
    return await submitted(engine, command)


async def remember_plain(
    core: Core, space: str, content: object, embedding: ArrayLike, confidence: object
) -> Remembered:
    """Carry out `Space.remember` of a text with its vector, of which nothing else is said."""
    command = _plain(core, content, embedding, confidence)
    return await submitted(await core.open_to_write(space), command)


def enlist_plain(
    core: Core, space: str, content: object, embedding: ArrayLike, confidence: object
) -> tuple[Group, int] | None:
    """Begin what `remember_plain` does, as `enlist`; None when the space must be opened first.

    So that one coroutine carries such a write, not two.
    """
    engine = core.registry.open_now(space)
    if engine is None:
        return None
    return engine.enlist(_plain(core, content, embedding, confidence))


def _plain(core: Core, content: object, embedding: ArrayLike, confidence: object) -> Remember:
    command = prepare_plain(content, confidence, core.entropy.token(RANDOM_BYTES_PER_ID))
    row, command.inverse_norm = check_vector(core.kernels, embedding)
    command.vector = row.tobytes()
    return command


async def embed_text(core: Core, engine: SpaceEngine, command: Remember, content: str) -> None:
    """Give the command the vector of its text, if the texts of the space have one."""
    check_text_alone(engine.space, engine.view, embedding_given=False)
    embedder = embedder_for(engine.space, engine.view, core.embedder)
    if embedder is not None:
        made = (await embed(embedder, [content]))[0]
        with_vector(command, *check_vector(core.kernels, made), embedder.identity)


async def submitted(engine: SpaceEngine, command: Remember) -> Remembered:
    """Return what came of the command, once it is durable."""
    group, position = engine.enlist(command)
    await group.done.wait()
    return group.remembered(position)
