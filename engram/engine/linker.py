"""Links the memories of a space to what they are like, some time after they were recorded.

Rule 1: nobody waits for it but who asks to (`wait`): it works while the space is idle; while
        callers are served it lets them go first (`engram.engine.pace`).
Rule 2: what it found is a command like any other; how far it has come is recorded with the links.
Rule 3: memories are linked in the order they were recorded, and as the space is at that moment;
        those that were given a vector after their turn come first, in the order of that.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import anyio
import numpy as np

from engram.engine.following import follow
from engram.engine.pace import Pace
from engram.model.commands import Link
from engram.model.cue import NO_FILTERS, Filters
from engram.model.errors import Closed, EngramError
from engram.retrieval.likeness import (
    NEAR_DUPLICATE,
    Alike,
    Likeness,
    alike,
    are_formed,
    are_sketches_searched,
    likeness_of,
)
from engram.state.space import ALIVE, HAS_VECTOR

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray

    from engram.engine.activity import Activity
    from engram.engine.replay import RunBlocking
    from engram.engine.space_engine import SpaceEngine
    from engram.kernels.arrays import U8
    from engram.kernels.protocol import KernelBackend
    from engram.ports import Clock
    from engram.state.space import View

# Memories searched for in one go, and linked by one command. Few calls of kernels for many of them:
# after each a thread waits for the interpreter's lock, which writers may hold for 5 ms.
_SEARCHED_ROWS: Final = 64
_LINKED_ROWS: Final = 256
# 100 ms without a caller count as idle, as for the word index. Whoever writes all the time has
# memories linked all the same, a second after the first of them.
_IDLE_NS: Final = 100_000_000
_PATIENCE_NS: Final = 1_000_000_000
_REST_SHARE: Final = 2
# After a failure: a segment that cannot be read, a disk that is full.
_RETRY_NS: Final = 10_000_000_000
# The sample of random pairs serves until the space has grown by a sixteenth.
_SAMPLE_SHARE: Final = 16
_HIDDEN_TOO: Final = Filters(include_suppressed=True)
_VECTOR: Final = np.uint8(ALIVE | HAS_VECTOR)


class _Sampled(NamedTuple):
    embedder: str
    rows_count: int
    likeness: Likeness


class Backlog(NamedTuple):
    """How many memories wait to be linked, and for how many seconds the oldest of them has."""

    memories: int
    seconds: float


class Linker:
    """The links of one space. `run` makes them; belongs to the event loop of the engine."""

    def __init__(
        self,
        engine: SpaceEngine,
        kernels: KernelBackend,
        clock: Clock,
        activity: Activity,
        run: RunBlocking,
        *,
        is_eager: bool,
    ) -> None:
        """Prepare; without `is_eager` nothing is linked before somebody asks for it."""
        self._engine, self._kernels = engine, kernels
        self._clock, self._activity, self._run_blocking = clock, activity, run
        self._is_eager = is_eager
        self._waiting = 0
        self._asked = anyio.Event()
        self._moved = anyio.Event()
        self._scope = anyio.CancelScope()
        self._ended = anyio.Event()
        self._has_begun = self._is_closed = False
        self._pace = Pace(clock, activity, run, _REST_SHARE)
        # How far it has come beyond what is recorded, past memories with nothing to link.
        self._rows_of: tuple[int, str, object] | None = None
        self._reached = 0
        self._sampled: _Sampled | None = None
        self.error: str | None = None
        """Why the last attempt failed, None when it did not; it is tried again."""

    @property
    def lag(self) -> int:
        """How many living memories with a vector are not linked yet."""
        return len(self._unlinked(self._engine.view))

    @property
    def backlog(self) -> Backlog:
        """What `lag` is, and how long the oldest of these memories has been there."""
        view = self._engine.view
        rows = self._unlinked(view)
        if not len(rows):
            return Backlog(0, 0.0)
        oldest = int(view.gather("recorded_at", rows).min())
        return Backlog(len(rows), max(0, self._clock.now() - oldest) / 1e9)

    def _unlinked(self, view: View) -> NDArray[np.int64]:
        if not view.dimensions:
            return np.zeros(0, np.int64)
        fresh = _linkable(view, np.arange(self._position(view), view.count))
        return np.concatenate((fresh, _late(view)))

    async def wait(self, timeout: float | None = None) -> int:  # noqa: ASYNC109 - as its caller
        """Link what is there without a rest; return what `lag` is after it, or after `timeout`.

        `timeout` in seconds. Raises why the space refuses work, and Closed.
        """
        self._engine.begin()
        self._waiting += 1
        self._asked.set()
        try:
            with anyio.move_on_after(timeout):
                while self.lag:
                    if self._engine.failure is not None:
                        raise self._engine.failure.with_traceback(None)
                    if self._is_closed:
                        raise Closed(f"memory space {self._engine.space!r}")
                    await self._moved.wait()
        finally:
            self._waiting -= 1
        return self.lag

    async def run(self) -> None:
        """Link memory after memory until closed."""
        self._has_begun = True
        try:
            with self._scope:
                while True:
                    await self._gather()
                    try:
                        while self._may_go_on():
                            await self._step()
                        self.error = None
                    except EngramError as error:
                        self.error = str(error)
                        if isinstance(error, Closed) or self._engine.failure is not None:
                            return
                        await self._sleep(_RETRY_NS)
        finally:
            self._is_closed = True
            self._ended.set()
            self._note()

    async def aclose(self) -> None:
        """End after the step under way; harmless when repeated."""
        self._is_closed = True
        self._scope.cancel()
        if self._has_begun:
            with anyio.CancelScope(shield=True):
                await self._ended.wait()

    async def _gather(self) -> None:
        """Return when there is something to link and nobody else is at work, or it is time."""
        while not self._may_go_on():
            if not self._waiting:
                self._asked = anyio.Event()
            if not self._is_eager and not self._waiting:
                await self._asked.wait()  # and for no commit meanwhile
                continue
            # Who asks while there is nothing to link does not wait for it.
            await self._engine.grown.wait()
        if not self._waiting:
            await self._wait_until_idle()

    async def _wait_until_idle(self) -> None:
        """Wait for 100 ms without a caller, and for the words; at most a second, or until asked."""
        engine, until = self._engine, self._clock.monotonic() + _PATIENCE_NS
        while not self._waiting and self._clock.monotonic() < until:
            begun = self._activity.begun
            await self._sleep(_IDLE_NS)
            if self._activity.begun == begun and engine.words.rows_indexed >= engine.view.count:
                return

    def _may_go_on(self) -> bool:
        """Whether there is something to link, and it is to be linked unasked or somebody asked."""
        return (self._is_eager or self._waiting > 0) and self._is_behind()

    def _is_behind(self) -> bool:
        view = self._engine.view
        if not view.dimensions:
            return False
        return self._position(view) < view.count or len(_late(view)) > 0

    def _position(self, view: View) -> int:
        """Return the first row that is not linked yet."""
        recorded = view.associations.linked_rows
        # Whatever had no vector may have one when bodies lie another way.
        rows_of = (view.numbering, view.embedder, view.hot.layout)
        if self._rows_of != rows_of:
            self._rows_of, self._reached = rows_of, recorded
        return min(max(recorded, self._reached), view.count)

    async def _step(self) -> None:
        """Link the next memories, and record it when anything of them is to be."""
        engine = self._engine
        view = engine.view
        first = self._position(view)
        last = min(first + _LINKED_ROWS, view.count)
        late = _late(view)[:_LINKED_ROWS]
        rows = late if len(late) else _linkable(view, np.arange(first, last))
        if not len(rows):
            self._reached = last
            self._note()
            return
        likeness = await self._likeness(view)
        filters = _HIDDEN_TOO if view.suppressed_count else NO_FILTERS
        mask = engine.row_masks(view, filters, self._clock.now()).vectors
        found = []
        for start in range(0, len(rows), _SEARCHED_ROWS):
            wanted = rows[start : start + _SEARCHED_ROWS]
            search = self._alike(view, wanted, mask, likeness)
            found.append(await self._pace.work_off(search, self._is_asked))
        # Whoever watches the activity sees callers only.
        self._activity.begun -= 1
        command = _command(view, (first, last), found)
        if len(late):
            command.late = int(late[-1])
        await engine.submit(command)
        await self._run_blocking(partial(follow, engine))
        self._note()

    async def _likeness(self, view: View) -> Likeness:
        sampled = self._sampled
        if (
            sampled is None
            or sampled.embedder != view.embedder
            or (view.count - sampled.rows_count > sampled.rows_count // _SAMPLE_SHARE)
        ):
            likeness = await self._run_blocking(partial(likeness_of, view))
            sampled = self._sampled = _Sampled(view.embedder, view.count, likeness)
        return sampled.likeness

    def _alike(
        self, view: View, rows: NDArray[np.int64], mask: U8 | None, likeness: Likeness
    ) -> Generator[None, None, Alike]:
        sketches = None
        if are_sketches_searched(view):
            sketches = self._engine.sketches.at(view.hot, self._kernels)
            yield
        return (yield from alike(self._kernels, view, rows, mask, sketches, likeness))

    def _is_asked(self) -> bool:
        return self._waiting > 0

    def _note(self) -> None:
        self._moved.set()
        self._moved = anyio.Event()

    async def _sleep(self, duration_ns: int) -> None:
        await self._clock.sleep_until(self._clock.monotonic() + duration_ns)


def _linkable(view: View, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return which of the rows are to be linked: what lives and has a vector, concepts aside."""
    if len(rows):
        rows = rows[(view.gather("flags", rows) & _VECTOR) == _VECTOR]
    return rows[~are_formed(view, rows)]


def _late(view: View) -> NDArray[np.int64]:
    """Return the rows that were passed before their vectors came, and are to be linked now."""
    return _linkable(view, view.associations.late_rows())


def _command(view: View, span: tuple[int, int], found: list[Alike]) -> Link:
    sources, targets, likenesses = (np.concatenate(column) for column in zip(*found, strict=True))
    return Link(
        numbering=view.numbering,
        embedder=view.embedder,
        first=span[0],
        last=span[1],
        sources=sources.astype("<u4", copy=False).tobytes(),
        targets=targets.astype("<u4", copy=False).tobytes(),
        weights=likenesses.astype("<f4", copy=False).tobytes(),
        near=(likenesses >= NEAR_DUPLICATE).astype(np.uint8).tobytes(),
    )
