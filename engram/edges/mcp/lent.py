"""The store behind the tools, opened when it is first needed and again after a failure.

A host starts this server with itself and keeps it for hours; servers of Engram come and go
meanwhile. So a store that cannot be opened fails a call and not the process, and the next call
tries again.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Protocol, runtime_checkable

import anyio
from anyio.abc import TaskGroup

from engram.model.errors import EngramError, InvariantViolated
from engram.model.memory import SpaceInfo

_LOGGER: Final = logging.getLogger("engram.mcp")


class Store(Protocol):
    """A store that is open here or that a server has open; its spaces have the same verbs."""

    async def spaces(self) -> list[SpaceInfo]:
        """Return every memory space."""

    @property
    def space(self) -> Callable[..., Any]:
        """Returns the handle of a memory space."""


@runtime_checkable
class MakesSpaces(Protocol):
    """A store of this process: a write to a space that is not there makes it."""

    async def check_new_space(self, space_id: str, caller: str) -> None:
        """Raise TooManySpaces when a caller may make no more spaces."""


@runtime_checkable
class Measured(Protocol):
    """A store of this process: what it measures is told by whoever has it open."""

    def metrics(self) -> dict[str, float]:
        """Return samples under their names and labels."""


OpenStore = Callable[[], AbstractAsyncContextManager[Store]]


def takes(verb: Callable[..., Any], name: str) -> bool:
    """Whether a verb takes an argument: those that a server carries out take fewer."""
    return name in inspect.signature(verb).parameters


class _Opening:
    """One time the store is opened, until it is closed."""

    def __init__(self) -> None:
        self.is_settled, self.ends = anyio.Event(), anyio.Event()
        self.store: Store | None = None
        self.error: BaseException | None = None


class Lent:
    """Has a store open from the first call on that needs it."""

    def __init__(self, open_store: OpenStore, tasks: TaskGroup) -> None:
        """Take how the store is opened, and the tasks in one of which it stays open."""
        self._open, self._tasks = open_store, tasks
        self._opening: _Opening | None = None

    def begin(self) -> _Opening:
        """Begin to open the store, unless that was begun."""
        if self._opening is None:
            self._opening = _Opening()
            self._tasks.start_soon(self._keep, self._opening, name="the store behind the tools")
        return self._opening

    async def space(self, space_id: str, principal: str, *, writes: bool) -> Any:
        """Return the handle of a memory space; raises what opening the store raises.

        Raises TooManySpaces when a write would make one more than the principal may. A server
        that has the store open sees to that itself.
        """
        store = await self._store()
        if writes and isinstance(store, MakesSpaces):
            await store.check_new_space(space_id, principal)
        lend = store.space
        if takes(lend, "principal"):
            return await lend(space_id, principal=principal)
        return await lend(space_id)

    async def spaces(self) -> Sequence[SpaceInfo]:
        """Return every memory space; raises what opening the store raises."""
        return await (await self._store()).spaces()

    def measured(self) -> Measured | None:
        """Return the store that is open in this process now; None when there is none."""
        opening: _Opening | None = self._opening
        store: object = None if opening is None else opening.store
        return store if isinstance(store, Measured) else None

    def end(self) -> None:
        """Close the store, soon; the next call opens it again."""
        if self._opening is not None:
            self._opening.ends.set()
            self._opening = None

    async def _store(self) -> Store:
        opening = self.begin()
        await opening.is_settled.wait()
        if opening.store is None:
            if self._opening is opening:
                self._opening = None
            raise opening.error or InvariantViolated("a store that is not open has an error")
        return opening.store

    async def _keep(self, opening: _Opening) -> None:
        try:
            async with self._open() as opening.store:
                opening.is_settled.set()
                await opening.ends.wait()
        except Exception as error:
            if opening.is_settled.is_set():
                _LOGGER.error("the store was closed: %s", error)  # noqa: TRY400 - told
            elif not isinstance(error, EngramError):
                _LOGGER.exception("the store cannot be opened")
            opening.error, opening.store = error, None
        finally:
            opening.is_settled.set()
            if self._opening is opening:
                self._opening = None
