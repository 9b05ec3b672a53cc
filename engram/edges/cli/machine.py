"""What the composition root lends to the commands.

Nothing here imports the engine: `engram --help` has to answer before anyone could load it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime

    from engram.edges.client.space import RemoteSpace
    from engram.edges.client.store import RemoteEngram
    from engram.engine.checking import StoreReport
    from engram.engine.repairing import Repair
    from engram.ports import Clock, Tracer
    from engram.service.backups import Backups
    from engram.service.space import Space
    from engram.service.store import Engram
    from engram.settings import Settings

AnyStore: TypeAlias = "Engram | RemoteEngram"
"""A store that is open here, or that a server has open; a verb that one lacks is a type error."""

AnySpace: TypeAlias = "Space | RemoteSpace"
"""A memory space of such a store."""


ANSWER_SECONDS_MAX: Final = 600.0
"""600 s for what a command asks a server: to erase from a full space takes minutes."""


class OpenStore(Protocol):
    """Opens the store the settings name; `engram.wiring.open_store` is one."""

    def __call__(
        self, *, settings: Settings, clock: Clock | None = None, tracer: Tracer | None = None
    ) -> AbstractAsyncContextManager[Engram]:
        """Return the store, open until the block is left.

        Left out, `clock` is this machine's, and `tracer` as the settings say.
        """


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


class Server(Protocol):
    """A server that is bound to its address; `engram.edges.http.server.HttpServer` is one."""

    url: str
    grpc_url: str | None

    async def run(self, recovered: Callable[[], None] | None = None) -> None:
        """Serve until the process is told to stop; call `recovered` once all spaces are open."""


class Running(Protocol):
    """A server that runs in some process."""

    @property
    def pid(self) -> int:
        """Its process."""

    @property
    def url(self) -> str:
        """Where it listens."""

    @property
    def grpc_url(self) -> str | None:
        """Where it takes gRPC, if it does."""


class ServerFile(Protocol):
    """Tells which server has a store open; `engram.adapters.local.server_file` has one."""

    def read(self) -> Running | None:
        """Return the server; None when none runs."""

    def has_store(self, server: Any) -> bool:
        """Whether its process has the store open, be it that it is stopping already."""

    def ask_to_stop(self, server: Any) -> None:
        """Ask it to stop; it is found until it has."""


class KeyFacts(Protocol):
    """What is kept of an API key."""

    @property
    def id(self) -> str:
        """What it is called by `keys list`."""

    @property
    def name(self) -> str:
        """Who holds it."""

    @property
    def role(self) -> str:
        """What they may do."""

    @property
    def spaces(self) -> tuple[str, ...]:
        """With which memory spaces."""

    @property
    def created_at(self) -> datetime:
        """When it was made."""

    @property
    def revoked_at(self) -> datetime | None:
        """Since when it opens nothing."""


class Keys(Protocol):
    """The API keys of a store; `engram.adapters.local.key_file.KeyFile` is one."""

    def create(self, name: str, role: str, spaces: Sequence[str]) -> tuple[str, KeyFacts]:
        """Make a key; return it, for the only time, with what is kept of it."""

    def listed(self) -> Sequence[KeyFacts]:
        """Return what is kept of every key, the oldest first."""

    def revoke(self, key_id: str) -> KeyFacts:
        """Let nobody in by a key any more."""


class Servers(NamedTuple):
    """How the program starts a server, finds, asks and stops those that run, who they let in."""

    open: Callable[[Settings], AbstractAsyncContextManager[Server]]
    file: Callable[[Settings], ServerFile]
    keys: Callable[[Settings], Keys]
    connect: Callable[[str, Settings, Tracer | None], AbstractAsyncContextManager[RemoteEngram]]


class ToolServer(Protocol):
    """A server of tools that is bound to its address; `engram.edges.mcp.http` has one."""

    url: str

    async def run(self) -> None:
        """Serve until the process is told to stop."""


class LendStore(Protocol):
    """Opens the store, or asks the server that has it open."""

    def __call__(self, *, tracer: Tracer | None) -> AbstractAsyncContextManager[Any]:
        """Return it, open until the block is left; what it does is told to `tracer`."""


class Tools(NamedTuple):
    """How the program serves agents: one over standard input and output, or many over HTTP."""

    serve: Callable[[Settings, LendStore], Awaitable[None]]
    open: Callable[[Settings, LendStore], AbstractAsyncContextManager[ToolServer]]


class Machine(NamedTuple):
    """The parts of the house a command may need; each loads what it stands on when called."""

    open_store: OpenStore
    diagnose: Callable[[Settings, str | None], AsyncIterator[Finding]]
    verify_kernels: Callable[[Settings], Iterator[Finding]]
    open_backups: Callable[[str], Backups]
    verify_store: VerifyStore
    repair_space: RepairSpace
    servers: Servers
    tools: Tools
    program: str = "engram"
    """How the user called this program; printed in front of what to try next."""
