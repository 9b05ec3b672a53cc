"""What is done for a bulk command while its record is on the way to the disk."""

from __future__ import annotations

import anyio
import anyio.to_thread

from engram.model.errors import EngramError
from engram.state.apply_columns import stage
from engram.state.outcomes import Decision
from engram.state.space import SpaceState
from engram.wal.protocol import Log, Lsn


async def synced(log: Log, upto: Lsn, state: SpaceState, decision: Decision) -> None:
    """Return once the log is durable up to `upto`, with the vectors that it decided about staged.

    Raises what `Log.sync` raises; then nothing was changed.
    """

    def staged() -> None:
        for event, vectors in decision.events:
            stage(state, event, vectors)

    failure: EngramError | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anyio.to_thread.run_sync, staged)
        try:
            await log.sync(upto)
        except EngramError as error:
            failure = error  # a group of tasks would wrap it
    if failure is not None:
        raise failure
