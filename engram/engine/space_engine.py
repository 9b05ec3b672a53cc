"""One memory space at work: one writer, group commit, views for readers.

Rule 1: the state changes only after the log said that the events are durable.
Rule 2: commands that wait while a group is on its way to the disk form the next group (`parts`).
Rule 3: a caller that gives up loses only its answer; its command is carried out or refused whole.
Rule 4: after a failure nothing more is accepted until the space is opened again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar, cast

import anyio
import anyio.to_thread
from anyio import lowlevel

from engram.engine.access_recorder import AccessRecorder
from engram.engine.activity import Activity
from engram.engine.beside import Beside
from engram.engine.checkpointer import Frozen
from engram.engine.feed import Feed
from engram.engine.gathering import Gathering
from engram.engine.group_times import GroupTimes
from engram.engine.groups import Change, Group, Line, Queue
from engram.engine.housekeeping import Housekeeping
from engram.engine.parts import (
    AHEAD_COUNT_MIN,
    Part,
    decided,
    gather,
    gather_ahead,
    may_follow,
    unexpected,
)
from engram.engine.readers import Readers
from engram.engine.staging import synced
from engram.engine.words import Words
from engram.model.commands import Command
from engram.model.errors import Closed, DurabilityError, EngramError, InvalidRequest, Overloaded
from engram.model.limits import HISTORY_RETENTION_SECONDS_DEFAULT, WORDS_BACKLOG_ROWS_MAX
from engram.ports import Clock
from engram.retrieval.sketch_index import SketchIndex
from engram.state.outcomes import Outcome
from engram.state.space import SpaceState, View
from engram.storage.snapshot_content import capture
from engram.wal.moments import Moment
from engram.wal.protocol import Log

T = TypeVar("T")


class SpaceEngine(Beside):
    """A recovered space. `run` must be running for `submit` to return, or what begins it known."""

    def __init__(
        self,
        space: str,
        log: Log,
        clock: Clock,
        state: SpaceState,
        readers: Readers,
        activity: Activity | None = None,
        housekeeping: Housekeeping | None = None,
        *,
        words: Words | None = None,
        sketches: SketchIndex | None = None,
        history_retention_ns: int = 10**9 * HISTORY_RETENTION_SECONDS_DEFAULT,
    ) -> None:
        super().__init__(words, sketches)
        self.space, self.feed = space, Feed(space)
        self.log, self.history_retention_ns = log, history_retention_ns
        self.unrecorded = AccessRecorder(self.submit, clock)
        self.readers, self.activity = readers, activity or Activity()
        self.groups_committed = 0
        self._clock, self._state = clock, state
        self._view = state.view()
        self._line, self._times, self._gathering = Line(), GroupTimes(), Gathering(clock)
        self._changes: deque[Change] = deque()
        self._wake = self._line.moments.next()
        self._closing = False
        self._stopped = anyio.Event()
        self._committing: Group | None = None
        self._next: Part | None = None  # what is written right after the group at hand
        self._answering: Moment | None = None
        self._failure: EngramError | None = None
        self._housekeeping = housekeeping
        self._check_room = None if housekeeping is None else housekeeping.room_check(space, state)
        if housekeeping is not None:
            state.cold_capacity = housekeeping.add(self).cold

    @property
    def view(self) -> View:
        """The newest durable view."""
        return self._view

    @property
    def failure(self) -> EngramError | None:
        """Why the space refuses work, None while it serves."""
        return self._failure

    @property
    def is_closing(self) -> bool:
        """Whether nothing new is begun any more."""
        return self._closing

    @property
    def queue(self) -> Queue:
        """What waits to become durable."""
        oldest, line = self._committing or self._line.first, self._line
        return Queue(line.commands_count, line.bytes_count, oldest.begun if oldest else None)

    @property
    def resident_bytes(self) -> int:
        """Bytes of state and indexes in RAM."""
        return sum(self.resident_parts().values())

    def resident_parts(self) -> dict[str, int]:
        """Return bytes of state and indexes in RAM, by what they are for."""
        parts = self._state.resident_parts()
        parts["associations"] += self.graph.resident_bytes + self.facts.resident_bytes
        derived = {"words": self.words.resident_bytes, "sketches": self.sketches.resident_bytes}
        return {**parts, **derived}

    def recalled(self, view: View, rows: Sequence[int], session: str | None = None) -> None:
        """Note that the memories in `rows` of `view` were listed: accesses, better near."""
        if view.numbering != self._view.numbering:
            return
        self.unrecorded.note(rows, now := self._clock.now(), session)
        if self._housekeeping is not None and view.sealed:
            self.accesses.note(rows, now)
            self._housekeeping.look()

    def wake_up(self) -> None:
        """Look again whether what waits may be written."""
        if self._line.first is not None:
            self._wake.come()

    async def submit(self, command: Command) -> tuple[Outcome, int]:
        """Return the durable outcome of a command and the LSN it is at.

        Raises:
            RequestError: the command was refused; the state is as it was.
            Overloaded: too many commands, or too many bytes of them, wait already, or there is no
                room for more memories.
            DurabilityError: it is unknown whether the command became durable; reopen the space.
            Closed: the space was closed before the command was taken.
        """
        group, position = self.enlist(command)
        await group.done.wait()
        return group.answer(position)

    def _check_serving(self) -> None:
        if self._failure is not None:
            raise self._failure.with_traceback(None)
        if self._closing:
            raise Closed(f"memory space {self.space!r}")

    def enlist(self, command: Command) -> tuple[Group, int]:
        """Take a command in, as `submit`; `answer` of its group tells once `done` has come."""
        if self._failure is not None:
            raise self._failure.with_traceback(None)
        if self._closing:
            raise Closed(f"memory space {self.space!r}")
        group, position = self._line.join(command, self._clock, self._check_room)
        self.activity.begun += 1
        if not position:
            self.begin()
            self._wake.come()
        return group, position

    async def freeze(self) -> Frozen:
        """Return all that the space is now, to be saved; raises what `between_groups` does."""
        await self.unrecorded.record(self._view)
        # Outside of it, as somebody may be catching up; rows are not renumbered without notice.
        words = await anyio.to_thread.run_sync(self.words.dump, self._view)

        def freeze(state: SpaceState) -> Frozen:
            captured = capture(state, self.sketches.saved(state.hot.view()))
            return Frozen(captured, words if self.words.is_of(words) else None)

        return await self.between_groups(freeze)

    async def between_groups(
        self, change: Callable[[SpaceState], T], published: Callable[[T], None] | None = None
    ) -> T:
        """Return what `change` returns, run in a worker thread while no group is in flight.

        It may move bodies and indexes, never what the log decides. Readers see a new view after it;
        `published` is called with its result in the moment that the view changes. Writes wait for
        it, so whatever takes long is prepared before, from a view.

        Raises what `change` raises, and Closed or the space's failure as `submit` does.
        """
        self._check_serving()
        waiting = Change(change, published)
        self._changes.append(waiting)
        self.begin()
        self._wake.come()
        await waiting.done.wait()
        if waiting.error is not None:
            raise waiting.error
        return cast("T", waiting.result)

    async def run(self) -> None:
        """Commit group after group until the engine is closed."""
        try:
            while True:
                if self._changes and self._next is None:
                    self._answer_the_rest()
                    with anyio.CancelScope(shield=True):
                        await self._change(self._changes.popleft())
                while self._next is None and not self._changes and not self._may_commit():
                    self._answer_the_rest()
                    if self._closing and self._line.first is None:
                        return
                    self._wake = self._line.moments.next()
                    await self._wake.wait()
                if self._failure is not None:
                    return
                if self._next is None:
                    if not (self._changes or self._closing or self._answering):
                        await self._gathering.gather(self._line.first, self._times)
                    if not self._may_commit():
                        continue
                group = self._line.take() if self._next is None else self._next.group
                self._committing = group
                with anyio.CancelScope(shield=True):
                    await self._commit(group)
                    self._committing = None if self._next is None else self._next.group
                    self._note_growth()
                    waiting = self._line.first if self._may_commit() else None
                    is_for_one = waiting is None or self._times.is_for_one(waiting.latest)
                    if is_for_one and self._next is None:
                        await lowlevel.checkpoint()  # who was answered may be in the next group
        finally:
            self._closing = True
            self._answer_the_rest()
            self._note_growth()
            self._fail_waiting(self._failure or Closed(f"memory space {self.space!r}"))
            self._stopped.set()

    async def aclose(self, *, last_checkpoint: bool = True) -> None:
        """Finish what waits, then release the log; harmless when repeated.

        Without `last_checkpoint` none is taken, even where it would make the next opening quicker.
        """
        if self.eraser is not None and self.compactor is not None:
            self.eraser.close()
            await self.compactor.aclose()
        is_last = last_checkpoint and not self._closing  # or its writer has ended: it failed
        if self.checkpointer is not None:
            with anyio.CancelScope(shield=True):
                await self.unrecorded.aclose(self._view if is_last else None)
                await self.checkpointer.aclose(last=is_last)
        self._closing = True
        self._wake.come()
        if self._give_up_beginning():
            self._stopped.set()  # there was no writer, and will be none
        with anyio.CancelScope(shield=True):
            await self._stopped.wait()
            await self.log.aclose()

    def renumber(self, words: Words) -> None:
        """Take the word index of new row numbers, in the moment that their view is published.

        To be called by what `between_groups` was told to.
        """
        self.words = words
        self.accesses.clear()
        self.records.clear()
        self.unrecorded.renumber(self._view)
        if self._housekeeping is not None:
            self._housekeeping.renumbered(self.space)
        self._note_growth()

    def _may_commit(self) -> bool:
        """Whether the group that waits longest is there and has room; without any it waits on."""
        first = self._line.first
        if first is None:
            return False
        if self._housekeeping is None or self._closing:
            return True
        return self._housekeeping.may_commit(first.body_bytes)

    def is_idle_since(self, begun: int) -> bool:
        """Whether nothing was asked since `activity.begun` was this, and nothing is under way."""
        busy = self._line.first or self._committing or self._closing
        return not busy and self.activity.begun == begun

    async def _change(self, change: Change) -> None:
        try:
            change.result = await anyio.to_thread.run_sync(change.run, self._state)
            if change.published is not None:
                change.published(change.result)
            self._view = self._state.view()
            self._note_growth()
        except BaseException as error:  # noqa: BLE001 - it is the caller's, raised over there
            change.error = error
        change.done.set()

    async def _commit(self, group: Group) -> None:
        try:
            if self._housekeeping is not None and not self._closing and self._next is None:
                self._housekeeping.check_room(group.body_bytes, group.memories_count)
            while len(group.outcomes) < len(group.commands):
                await self._commit_part(group)
            if self._housekeeping is not None:
                self._housekeeping.grown(self, group.body_bytes, group.memories_count)
        except Overloaded as refusal:
            group.failure = refusal
        except DurabilityError as error:
            self._failure = group.failure = error
        except Exception as error:  # noqa: BLE001 - whatever it was, the space must stop
            self._failure = group.failure = unexpected(self.space, error)
        finally:
            self._answer_the_rest()
            if group.done.come(in_halves=self._times.is_for_halves):
                self._answering = group.done

    def _answer_the_rest(self) -> None:
        """Let half of a group's callers prepare what comes next while the others' is written."""
        if self._answering is not None:
            self._answering.come_to_the_rest()
            self._answering = None

    async def _commit_part(self, group: Group) -> None:
        part, self._next = self._next, None
        if part is None:
            commands, now = group.commands[len(group.outcomes) :], self._clock.now()
            decision = await decided(self._state, self.space, commands, now)
            try:
                part = gather(self.log, group, decision, self._state.lsn)
            except InvalidRequest as refusal:
                # The log's records are smaller than ours: nothing was taken, the space goes on.
                group.settle([Outcome(refusal=refusal)] * decision.taken, self._state.lsn)
                return
            if decision.events:
                self._times.begin(self._clock.monotonic())
        else:
            self._times.go_on()
        if part.decision.events:
            self._answer_the_rest()
            await self._written(part)
        group.settle(part.decision.outcomes, self._state.lsn)

    async def _written(self, part: Part) -> None:
        """Wait until a part is durable, then apply it."""
        is_lone = part.group.is_lone
        if is_lone:
            await self._look_ahead(part)
            await self.log.sync(part.last)
        else:
            await synced(self.log, part.last, self._state, part.decision)
        self._times.end(self._clock.monotonic())
        if self.checkpointer is not None:
            self.checkpointer.note(part.bytes_count)
        if is_lone:
            part.apply(self._state)
        else:
            await anyio.to_thread.run_sync(part.apply, self._state)
        self._view = self._state.view()
        self.groups_committed += 1
        if self.feed.followers_count:
            self.feed.push(part.decision.events, part.first)
        if self._view.count - self.words.rows_indexed > WORDS_BACKLOG_ROWS_MAX:
            with suppress(EngramError):  # the write itself is done; see `indexing`
                await anyio.to_thread.run_sync(
                    self.words.follow, self._view, WORDS_BACKLOG_ROWS_MAX
                )

    async def _look_ahead(self, part: Part) -> None:
        """Have a part written, and decide about the next group meanwhile if that may be."""
        if len(part.group.commands) < AHEAD_COUNT_MIN or not part.ends_group:
            return
        self.log.begin(part.last)
        for _ in range(2):  # in the second turn whoever was just answered has come again
            await lowlevel.checkpoint()
            group = self._line.first
            if group is None or self._changes or not may_follow(part, group, self._times):
                continue
            house, bodies = self._housekeeping, part.group.body_bytes + group.body_bytes
            if house is None or house.has_room(bodies):
                now = self._clock.now()
                self._next = gather_ahead(self.log, self._state, self.space, part, group, now)
            if self._next is not None:
                self._line.take()
            return

    def _fail_waiting(self, failure: EngramError) -> None:
        following, self._next = self._next, None
        self._line.fail(failure, [] if following is None else [following.group])
        while self._changes:
            change = self._changes.popleft()
            change.error = failure
            change.done.set()
