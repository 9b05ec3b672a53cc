from __future__ import annotations

from collections.abc import Callable

from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from engram.model.errors import Conflict, EngramError, InvalidRequest
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.histories import open_simulated
from engram.wal.file_log import FileLog
from engram.wal.memory_log import MemoryLog
from engram.wal.protocol import Entry, Log, Record

BYTE = st.integers(0, 255)
PAYLOADS = st.sampled_from([0, 1, 100, 4_000, 4_096, 9_000, 20_000]).flatmap(
    lambda size: st.binary(max_size=12).map(lambda end: bytes(size) + end)
)
ENTRIES = st.lists(st.builds(Entry, BYTE, PAYLOADS.map(lambda p: [p[:5], p[5:]]), BYTE), max_size=4)
SHARES = st.floats(0, 1)


class LogMachine(RuleBasedStateMachine):
    """A log in RAM and one on a simulated disk are asked the same and must say the same."""

    def __init__(self) -> None:
        super().__init__()
        self._portal_context = start_blocking_portal()
        self.portal: BlockingPortal = self._portal_context.__enter__()
        self.disk = SimulatedFilesystem()
        self.memory = MemoryLog()
        self.trimmed = 0
        self.starts = 0

    @initialize()
    def begin(self) -> None:
        """Begin with two empty logs."""
        self.file: FileLog = self._open()

    @rule(entries=ENTRIES)
    def append(self, entries: list[Entry]) -> None:
        """Append as the writer that knows the end."""
        last = self.memory.last_lsn
        assert self._same(lambda log: log.append(entries, expected_last_lsn=last)) is not None

    @rule(entries=ENTRIES, ahead=st.sampled_from([-1, 1, 7]))
    def append_as_another_writer(self, entries: list[Entry], ahead: int) -> None:
        """Append as a writer that was overtaken."""
        wrong = self.memory.last_lsn + ahead
        assert self._same(lambda log: log.append(entries, expected_last_lsn=wrong)) is Conflict

    @rule()
    def append_what_no_record_is(self) -> None:
        """Append one entry too wide for its field: none is taken."""
        last = self.memory.last_lsn
        bad = [Entry(1, [b"good"]), Entry(256, [])]
        outcome = self._same(lambda log: log.append(bad, expected_last_lsn=last))
        assert outcome is InvalidRequest

    @rule(share=SHARES)
    def sync(self, share: float) -> None:
        """Make a part of what was appended durable."""
        upto = round(self.memory.last_lsn * share)
        for log in self._logs():
            self.portal.call(log.sync, upto)
            assert log.durable_lsn >= upto

    @rule()
    def sync_beyond_the_end(self) -> None:
        """Sync what was never appended."""
        outcome = self._same(lambda log: self.portal.call(log.sync, log.last_lsn + 1))
        assert outcome is InvalidRequest

    @rule(share=SHARES)
    def read(self, share: float) -> None:
        """Read from anywhere on; where both still have it, it is the same."""
        after = round(self.memory.last_lsn * share)
        ours, theirs = (self._read(log, after) for log in self._logs())
        if not isinstance(ours, type) and not isinstance(theirs, type):
            assert ours == theirs

    @rule(share=SHARES)
    def trim(self, share: float) -> None:
        """Allow the beginning to be dropped."""
        upto = round(min(log.durable_lsn for log in self._logs()) * share)
        for log in self._logs():
            self.portal.call(log.trim, upto)
        self.trimmed = max(self.trimmed, upto)

    @rule()
    def reopen(self) -> None:
        """Close both; what was appended and not synced is dropped."""
        for log in self._logs():
            self.portal.call(log.aclose)
        self.memory, self.file = self.memory.reopened(), self._open()

    @rule(keep_all=st.booleans())
    def crash(self, *, keep_all: bool) -> None:
        """Lose the power or the process; a disk may hold more than was promised, never less."""
        self.disk.crash(keep_all=keep_all)
        self.memory, self.file = self.memory.reopened(), self._open()

    @invariant()
    def both_stand_at_the_same_place(self) -> None:
        """Agree on both marks after every step."""
        assert self.memory.last_lsn == self.file.last_lsn
        assert self.memory.durable_lsn == self.file.durable_lsn

    def teardown(self) -> None:
        """Compare all that must still be there."""
        try:
            ours, theirs = (self._read(log, self.trimmed) for log in self._logs())
            assert ours == theirs
            for log in self._logs():
                self.portal.call(log.aclose)
        finally:
            self._portal_context.__exit__(None, None, None)

    def _logs(self) -> tuple[Log, Log]:
        return self.memory, self.file

    def _open(self) -> FileLog:
        self.starts += 1
        log: FileLog = self.portal.call(open_simulated, self.disk, self.starts)
        return log

    def _read(self, log: Log, after: int) -> list[Record] | type[EngramError]:
        """Return what follows an LSN, or the refusal where that was trimmed away."""

        async def read() -> list[Record]:
            return [
                record._replace(payload=bytes(record.payload)) async for record in log.read(after)
            ]

        try:
            found: list[Record] = self.portal.call(read)
        except Conflict:
            assert after < self.trimmed, "only what may be trimmed is refused"
            return Conflict
        assert [record.lsn for record in found] == list(range(after + 1, log.durable_lsn + 1))
        return found

    def _same(self, ask: Callable[[Log], object]) -> object:
        """Ask both logs, check that they answer alike, and return the answer or its error."""
        answers: list[object] = []
        for log in self._logs():
            try:
                answers.append(ask(log))
            except EngramError as error:
                answers.append(type(error))
        assert answers[0] == answers[1]
        return answers[0]


TestLogMachine = LogMachine.TestCase
TestLogMachine.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
