"""A space whose commits and syncs are spans of the requests they are made for.

The writer of a space is a task of its own and serves many requests at once: what asked for a
command is noted when it is enlisted. Without a tracer none of this is in the way.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from typing import Any, TypeVar, cast

from engram.engine.groups import Group
from engram.engine.readers import Readers
from engram.engine.replay import RunBlocking, in_thread
from engram.engine.space_engine import SpaceEngine
from engram.kernels.cancel import CancelFlag
from engram.model.commands import Command
from engram.ports import Origin, Tracer
from engram.wal.protocol import Log, Lsn

T = TypeVar("T")


def make_readers(run: RunBlocking, tracer: Tracer | None) -> Readers:
    """Return the threads that carry out searches; `run` says where if not in threads."""
    return (Readers if tracer is None else _TracedReaders)(None if run is in_thread else run)


def make_engine(
    tracer: Tracer | None, space: str, log: Log, *more: Any, **named: Any
) -> SpaceEngine:
    """Return a `SpaceEngine`, traced if there is a tracer."""
    if tracer is None:
        return SpaceEngine(space, log, *more, **named)
    return _TracedEngine(tracer, space, log, *more, **named)


class _TracedLog:
    """A log whose syncs are spans."""

    def __init__(self, log: Log, tracer: Tracer, space: str) -> None:
        self._log, self._tracer, self._space = log, tracer, space

    def __getattr__(self, name: str) -> Any:
        """Return all else from the log."""
        return getattr(self._log, name)

    async def sync(self, upto: Lsn) -> None:
        """Return once it is durable."""
        with self._tracer.within("log sync", self._space):
            await self._log.sync(upto)


class _TracedEngine(SpaceEngine):
    """An engine that knows for whom it commits."""

    def __init__(self, tracer: Tracer, space: str, log: Log, *more: Any, **named: Any) -> None:
        super().__init__(space, cast("Log", _TracedLog(log, tracer, space)), *more, **named)
        self._tracer = tracer
        # By the identity of a group, which lives until it is committed.
        self._origins: dict[int, list[Origin]] = {}

    def enlist(self, command: Command) -> tuple[Group, int]:
        """Take a command in, and note for whom."""
        group, position = super().enlist(command)
        origin = self._tracer.origin()
        if origin is not None:
            self._origins.setdefault(id(group), []).append(origin)
        return group, position

    async def _commit(self, group: Group) -> None:
        origins = self._origins.pop(id(group), ())
        if not origins:
            await super()._commit(group)
            return
        with self._tracer.span("engine commit", self.space, origins=origins) as span:
            span.note("engram.commands", len(group.commands))
            await super()._commit(group)
            if group.failure is not None:
                span.fail(type(group.failure).__name__)


class _TracedReaders(Readers):
    """Threads that know what asked for a search."""

    async def run(self, run: Callable[[CancelFlag], T]) -> T:
        """Return what `run` returns, run as part of the current span."""
        context = copy_context()
        return await super().run(lambda cancel: context.run(run, cancel))

    def share(self, run: Callable[[], T]) -> Callable[[], T]:
        """Begin `run` in another thread, as part of the current span."""
        context = copy_context()
        return super().share(lambda: context.run(run))
