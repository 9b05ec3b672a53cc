from __future__ import annotations

import threading
from collections.abc import Callable

import anyio
import pytest

from engram.adapters.local.clock import SystemClock
from engram.adapters.local.entropy import SystemEntropy
from engram.testing.filesystem import SimulatedFilesystem
from engram.wal import threads as module
from engram.wal.file_log import FileLog
from engram.wal.protocol import Entry
from engram.wal.threads import AppenderThreads, _EventWake, _QueueWake

LOGS = 6


@pytest.mark.parametrize("wake", [_QueueWake, _EventWake])
def test_every_job_runs_and_closing_waits_for_them(
    wake: Callable[[], _QueueWake], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_EventWake", wake)
    threads = AppenderThreads(3)
    done: list[int] = []
    lock = threading.Lock()

    def job(number: int) -> None:
        with lock:
            done.append(number)

    for number in range(200):
        threads.submit(lambda number=number: job(number))  # type: ignore[misc]
    threads.close()
    threads.close()
    assert sorted(done) == list(range(200))


def test_no_more_threads_are_begun_than_allowed_and_none_while_one_is_idle() -> None:
    threads = AppenderThreads(2)
    names: set[str] = set()
    gate = threading.Event()

    def job() -> None:
        names.add(threading.current_thread().name)
        gate.wait()

    for _ in range(5):
        threads.submit(job)
    gate.set()
    threads.close()
    assert names <= {"appender 0", "appender 1"}
    assert len(threads._threads) == 2


@pytest.mark.anyio
async def test_more_logs_than_threads_all_make_progress() -> None:
    threads = AppenderThreads(2)
    logs = [
        await FileLog.open(
            SimulatedFilesystem(),
            "w",
            store_id=b"0123456789abcdef",
            space_id="s",
            entropy=SystemEntropy(),
            clock=SystemClock(),
            threads=threads,
        )
        for _ in range(LOGS)
    ]

    async def write(log: FileLog) -> None:
        for _ in range(20):
            await log.sync(log.append([Entry(1, [b"x"])], expected_last_lsn=log.last_lsn))

    async with anyio.create_task_group() as tasks:
        for log in logs:
            tasks.start_soon(write, log)
    assert [log.durable_lsn for log in logs] == [20] * LOGS
    for log in logs:
        await log.aclose()
    threads.close()
