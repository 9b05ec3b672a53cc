"""Consolidates the episodes of a space in the background, and when somebody asks for it.

Rule 1: a run replays a hundred episodes at most and is one record: whatever interrupts it, it
        happened as a whole or not at all.
Rule 2: it works from a view, in a worker thread; what is outdated by the time it is recorded is
        not recorded, and planned anew.
Rule 3: once a minute it looks for new work; while callers are served it lets them go first
        (`engram.engine.pace`).
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import anyio
import msgspec
import numpy as np

from engram.engine.following import follow
from engram.engine.pace import Pace
from engram.model.collecting import LabelTable
from engram.model.commands import Consolidate, RememberBatch
from engram.model.errors import Closed, EngramError, Overloaded
from engram.model.ids import RANDOM_BYTES_PER_ID, MemoryId
from engram.model.particulars import ParticularColumns
from engram.retrieval.consolidation import EPISODES_MAX, by_priority, waiting
from engram.retrieval.forming import NAME, Concept, planning
from engram.retrieval.named_concepts import Wanted, naming
from engram.state.concepts import CONCEPT_KIND
from engram.state.current import id_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from numpy.typing import NDArray

    from engram.engine.activity import Activity
    from engram.engine.linker import Linker
    from engram.engine.replay import RunBlocking
    from engram.engine.space_engine import SpaceEngine
    from engram.ports import Clock, Entropy
    from engram.state.space import View

SOURCE: Final = "consolidation"
"""The source of the concepts it forms."""

INTERVAL_NS: Final = 60_000_000_000
"""Nanoseconds between two looks for new work."""

_ATTEMPTS_MAX: Final = 8
_REST_SHARE: Final = 1
_JSON: Final = msgspec.json.Encoder()


class Consolidation(NamedTuple):
    """What was done: episodes replayed, concepts formed, concepts that grew; their ids."""

    episodes: int
    formed: int
    grown: int
    concepts: tuple[MemoryId, ...]


class Formed(NamedTuple):
    """A concept that was asked for by name: its id, None where too few episodes are there for one.

    `older` is what stood for the name before, itself where nothing changed.
    """

    concept: MemoryId | None
    older: MemoryId | None
    episodes: int


class _Naming(NamedTuple):
    """What is recorded of a concept that was asked for by name."""

    command: Consolidate
    rows: NDArray[np.int64]
    older: MemoryId | None


class Consolidator:
    """The consolidation of one space. Belongs to the event loop of its engine."""

    def __init__(
        self,
        engine: SpaceEngine,
        linker: Linker,
        clock: Clock,
        entropy: Entropy,
        activity: Activity,
        run: RunBlocking,
        *,
        is_eager: bool,
    ) -> None:
        """Prepare; without `is_eager` nothing is consolidated before somebody asks for it."""
        self._engine, self._linker = engine, linker
        self._clock, self._entropy, self._activity = clock, entropy, activity
        self._run_blocking = run
        self._pace = Pace(clock, activity, run, _REST_SHARE)
        self._is_eager = is_eager
        self._lock = anyio.Lock()
        self._scope = anyio.CancelScope()
        self._is_closed = False
        self._lately: deque[tuple[int, int]] = deque()
        self.episodes_total = 0
        """Episodes replayed by this process."""
        self.error: str | None = None
        """Why the last run that nobody asked for failed, None when it did not."""

    @property
    def rate(self) -> float:
        """Episodes replayed a second over the last 60 s."""
        since = self._clock.monotonic() - INTERVAL_NS
        while self._lately and self._lately[0][0] <= since:
            self._lately.popleft()
        return sum(count for _, count in self._lately) * 1e9 / INTERVAL_NS

    async def consolidate(
        self,
        progress: Callable[[int, int], None] | None = None,
        episodes_max: int | None = None,
        *,
        is_urgent: bool = True,
    ) -> Consolidation:
        """Replay the episodes that were not, highest priority first; return what came of it.

        Args:
            progress: called with (done, total) after each run.
            episodes_max: replay no more than so many.
            is_urgent: do not rest while callers are served.

        Raises:
            Overloaded: memories were forgotten or changed all the time; what was done stays.
            DurabilityError: the disk failed.
            Closed: the space is being closed.
        """
        async with self._lock:
            done = Consolidation(0, 0, 0, ())
            view = self._engine.view
            is_asked = partial(bool, is_urgent)
            rows = await self._pace.work_off(self._waiting(view), is_asked)
            total = len(rows) if episodes_max is None else min(len(rows), episodes_max)
            while done.episodes < total and self._engine.view.numbering == view.numbering:
                chunk = rows[done.episodes : min(done.episodes + EPISODES_MAX, total)]
                done = await self._replay(chunk, done, is_asked)
                if progress is not None:
                    progress(done.episodes, total)
            return done

    async def form(self, name: str, episodes: Sequence[MemoryId]) -> Formed:
        """Remember the concept of a name, which cites these episodes and those it did before.

        Raises:
            MemoryNotFound, InvalidRequest: the name is the id of no memory, or of no concept; or
                the concept is hidden.
            Overloaded: memories were forgotten or changed all the time.
            DurabilityError: the disk failed.
            Closed: the space is being closed.
        """
        async with self._lock:
            for _ in range(_ATTEMPTS_MAX):
                if self._is_closed:
                    raise Closed(f"memory space {self._engine.space!r}")
                steps = self._named(Wanted(self._engine.space, name, episodes))
                found = await self._pace.work_off(steps, partial(bool, True))
                if isinstance(found, Formed):
                    return found
                outcome, _ = await self._engine.submit(found.command)
                if not outcome.created[0]:
                    continue
                await self._run_blocking(partial(follow, self._engine))
                self._note(len(found.rows))
                (pair,) = np.asarray(outcome.ids, np.uint64).reshape(-1, 2).tolist()
                return Formed(MemoryId(*pair), found.older, len(found.rows))
            raise Overloaded("consolidation_attempts_max", _ATTEMPTS_MAX)

    def _named(self, wanted: Wanted) -> Generator[None, None, Formed | _Naming]:
        """Return what is to be recorded, or what is there anyway."""
        engine = self._engine
        view = engine.view
        graph = engine.graph.at(view)
        yield
        found = yield from naming(view, graph, engine.row_masks.metadata, wanted)
        older = None if found.older < 0 else id_of(view, found.older)
        if found.concept is None:
            return Formed(older, older, len(found.rows))
        chance = self._entropy.token(RANDOM_BYTES_PER_ID)
        return _Naming(_command(view, found.rows, (found.concept,), chance), found.rows, older)

    def _note(self, episodes: int) -> None:
        """Count episodes that were replayed."""
        self.episodes_total += episodes
        self._lately.append((self._clock.monotonic(), episodes))

    async def run(self) -> None:
        """Look for new work once a minute until closed."""
        if not self._is_eager:
            return
        engine, seen = self._engine, -1
        with self._scope:
            while True:
                grown = engine.grown
                if engine.view.lsn == seen:
                    await grown.wait()
                await self._clock.sleep_until(self._clock.monotonic() + INTERVAL_NS)
                try:
                    before = engine.view.lsn
                    if not self._linker.lag:
                        await self.consolidate(is_urgent=False)
                        # What was written meanwhile, by itself too, is looked at once more.
                        seen = before if engine.view.lsn == before else -1
                    self.error = None
                except EngramError as error:
                    self.error = str(error)
                    if isinstance(error, Closed) or engine.failure is not None:
                        return

    async def aclose(self) -> None:
        """End after the run under way; harmless when repeated."""
        self._is_closed = True
        self._scope.cancel()
        with anyio.CancelScope(shield=True):
            async with self._lock:
                return

    def _waiting(self, view: View) -> Generator[None, None, NDArray[np.int64]]:
        rows = waiting(view)
        if not len(rows):
            return rows
        graph = self._engine.graph.at(view)
        yield
        return (yield from by_priority(view, graph, rows))

    async def _replay(
        self, rows: NDArray[np.int64], done: Consolidation, is_asked: Callable[[], bool]
    ) -> Consolidation:
        """Carry out one run, anew when something it stood on is gone by the time it is recorded."""
        for _ in range(_ATTEMPTS_MAX):
            if self._is_closed:
                raise Closed(f"memory space {self._engine.space!r}")
            view = self._engine.view
            steps = self._planned(view, rows)
            command, concepts = await self._pace.work_off(steps, is_asked)
            if command is None:
                return done._replace(episodes=done.episodes + len(rows))
            # Whoever watches the activity sees callers only.
            self._activity.begun -= 1
            outcome, _ = await self._engine.submit(command)
            if not outcome.created[0]:
                continue
            await self._run_blocking(partial(follow, self._engine))
            self._note(len(rows))
            ids = np.asarray(outcome.ids, np.uint64).reshape(-1, 2).tolist()
            grown = sum(concept.supersedes >= 0 for concept in concepts)
            return Consolidation(
                done.episodes + len(rows),
                done.formed + len(concepts) - grown,
                done.grown + grown,
                done.concepts + tuple(MemoryId(*each) for each in ids),
            )
        raise Overloaded("consolidation_attempts_max", _ATTEMPTS_MAX)

    def _planned(
        self, view: View, rows: NDArray[np.int64]
    ) -> Generator[None, None, tuple[Consolidate | None, tuple[Concept, ...]]]:
        rows = rows[np.isin(rows, waiting(view))]  # the run before may have replayed some
        if not len(rows):
            return None, ()
        graph = self._engine.graph.at(view)
        yield
        plan = yield from planning(view, graph, rows)
        chance = self._entropy.token(RANDOM_BYTES_PER_ID * len(plan.concepts))
        yield
        return _command(view, plan.replayed, plan.concepts, chance), plan.concepts


def _command(
    view: View, replayed: NDArray[np.int64], concepts: Sequence[Concept], chance: bytes
) -> Consolidate:
    def column(values: Sequence[float], dtype: str) -> bytes:
        return np.array(values, dtype).tobytes()

    def joined(columns: Sequence[NDArray[np.generic]], dtype: str) -> bytes:
        return b"".join(each.astype(dtype).tobytes() for each in columns)

    return Consolidate(
        numbering=view.numbering,
        embedder=view.embedder,
        replayed=replayed.astype("<u4").tobytes(),
        concepts=_batch(view, concepts, chance) if concepts else None,
        stabilities=column([each.stability_days for each in concepts], "<f4"),
        difficulties=column([each.difficulty for each in concepts], "<f4"),
        cited_counts=column([len(each.rows) for each in concepts], "<u4"),
        cited=joined([each.rows for each in concepts], "<u4"),
        weights=joined([each.weights for each in concepts], "<f4"),
    )


def _batch(view: View, concepts: Sequence[Concept], chance: bytes) -> RememberBatch:
    count, table = len(concepts), LabelTable()
    contents = [concept.content.encode() for concept in concepts]
    metadata = [_JSON.encode(_facts(concept)) for concept in concepts]
    lengths = [np.float32(1 / np.linalg.norm(concept.vector)) for concept in concepts]
    older = np.zeros((count, 2), "<u8")
    for number, concept in enumerate(concepts):
        if concept.supersedes >= 0:
            row = np.array([concept.supersedes])
            older[number] = [int(view.gather(half, row)[0]) for half in ("id_high", "id_low")]
    return RememberBatch(
        count=count,
        contents=b"".join(contents),
        content_bytes=np.array(list(map(len, contents)), "<u4").tobytes(),
        content_keys=bytes(8 * count),
        kinds=bytes([CONCEPT_KIND]) * count,
        confidences=np.array([concept.confidence for concept in concepts], "<f4").tobytes(),
        occurred_at=np.array([concept.occurred_at for concept in concepts], "<i8").tobytes(),
        dated=b"\1" * count,
        sources=np.full(count, table.number(SOURCE), "<u4").tobytes(),
        sessions=bytes(4 * count),
        tag_counts=bytes(count),
        tags=b"",
        labels=table.labels,
        metadata=b"".join(metadata),
        metadata_bytes=np.array(list(map(len, metadata)), "<u4").tobytes(),
        inverse_norms=np.array(lengths, "<f4").tobytes(),
        vectors=b"".join(concept.vector.astype("<f4").tobytes() for concept in concepts),
        dimensions=view.dimensions,
        embedder=view.embedder,
        chance=chance,
        particulars=ParticularColumns(supersedes=older.tobytes()) if older.any() else None,
    )


def _facts(concept: Concept) -> dict[str, object]:
    facts: dict[str, object] = {
        "coherence": round(concept.coherence, 6),
        "episodes": len(concept.rows),
        "terms": list(concept.terms),
    }
    return facts if concept.name is None else facts | {NAME: concept.name}
