"""What the composition root lends to the commands.

Nothing here imports the engine: `engram --help` has to answer before anyone could load it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from engram.engine.checking import StoreReport
    from engram.engine.repairing import Repair
    from engram.ports import Clock
    from engram.service.backups import Backups
    from engram.service.store import Engram
    from engram.settings import Settings


class OpenStore(Protocol):
    """Opens the store the settings name; `engram.wiring.open_store` is one."""

    def __call__(
        self, *, settings: Settings, clock: Clock | None = None
    ) -> AbstractAsyncContextManager[Engram]:
        """Return the store, open until the block is left; `clock` is this machine's if left out."""


class Finding(NamedTuple):
    """One line of doctor or of `kernels --verify`: what was checked, how it stands, what to do."""

    check: str
    state: Literal["ok", "warn", "fail"]
    detail: str
    remedy: str = ""


class VerifyStore(Protocol):
    """Reads a store again that nobody has open; `engram.wiring.verify_store` is one."""

    async def __call__(
        self,
        settings: Settings,
        *,
        spaces: Sequence[str] | None,
        progress: Callable[[str, int, int], None],
    ) -> StoreReport:
        """Return what is damaged."""


class RepairSpace(Protocol):
    """Repairs the space the settings name; `engram.wiring.repair_space` is one."""

    async def __call__(self, settings: Settings, *, accept_loss: bool) -> Repair:
        """Return what is given up, or would be."""


class Machine(NamedTuple):
    """The parts of the house a command may need; each loads what it stands on when called."""

    open_store: OpenStore
    diagnose: Callable[[Settings, str | None], AsyncIterator[Finding]]
    verify_kernels: Callable[[Settings], Iterator[Finding]]
    open_backups: Callable[[str], Backups]
    verify_store: VerifyStore
    repair_space: RepairSpace
    program: str = "engram"
    """How the user called this program; printed in front of what to try next."""
