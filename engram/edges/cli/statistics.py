"""The command that says how a store stands: stats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import to_builtins

from engram.edges.cli.options import SpacePlace
from engram.edges.cli.wire import print_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engram.edges.cli.machine import AnyStore
    from engram.edges.cli.session import Session
    from engram.model.health import SpaceHealth, StoreHealth
    from engram.settings import Settings

_IN_SPACE = SpacePlace()
_MEBIBYTE: Final = 1 << 20


class StatisticsCommands:
    """Commands that measure a store and change nothing."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def stats(self, *, place: SpacePlace = _IN_SPACE) -> int:
        """Say how the store and its spaces, or the one of --space, stand: RAM, tiers, log, damage.

        Exits 1 when a space is damaged.
        """
        settings = place.settings()

        async def command() -> tuple[StoreHealth, dict[str, float]]:
            from engram.model.errors import SpaceNotFound  # noqa: PLC0415 - not needed for --help

            async with self._session.store(settings) as db:
                known = {each.id for each in await db.spaces()}
                if place.space is not None and place.space not in known:
                    raise SpaceNotFound(place.space)
                return await db.health(), await self._metrics(db, settings) if place.json else {}

        health, metrics = self._session.run(command)
        wanted = [each for each in health.spaces if place.space in {None, each.space}]
        if place.json:
            print_json(_value(health, wanted, metrics))
        else:
            self._show(health, wanted)
        return int(any(each.damage or each.phase != "ready" for each in wanted))

    async def _metrics(self, db: AnyStore, settings: Settings) -> dict[str, float]:
        """Return every number that is measured, of the process that has the store open."""
        server = self._session.server(settings)
        if server is not None:
            told = await server.ask("/api/v1/system/introspect")
            return dict(told["metrics"])
        from engram.service.store import Engram  # noqa: PLC0415 - not needed for --help

        return db.metrics() if isinstance(db, Engram) else {}

    def _show(self, health: StoreHealth, wanted: list[SpaceHealth]) -> None:
        from engram.edges.cli.screen import facts, space_standings  # noqa: PLC0415 - as above

        console = self._session.console
        console.print(space_standings(wanted))
        for space in wanted:
            for each in filter(None, (space.reason, *space.damage, *space.errors)):
                console.print(f"{space.space}: {each}", style="red", soft_wrap=True)
        console.print()
        console.print(facts(_resident(health)))


def _resident(health: StoreHealth) -> Iterator[tuple[str, str]]:
    """Give the lines about bytes in RAM."""
    resident = health.resident_bytes
    share = resident.total / health.memory_budget
    total = f"{_mebibytes(resident.total)} of {_mebibytes(health.memory_budget)}, {share:.1%}"
    yield "resident", total
    for part, count in resident._asdict().items():
        yield f"  {part}", _mebibytes(count)


def _mebibytes(bytes_count: int) -> str:
    return f"{bytes_count / _MEBIBYTE:,.1f} MiB"


def _value(
    health: StoreHealth, wanted: list[SpaceHealth], metrics: dict[str, float]
) -> dict[str, Any]:
    resident = health.resident_bytes
    return {
        "resident_bytes": {**resident._asdict(), "total": resident.total},
        "memory_budget": health.memory_budget,
        "spaces": [to_builtins(each) for each in wanted],
        "metrics": metrics,
    }
