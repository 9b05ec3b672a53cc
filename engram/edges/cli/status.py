"""The command that says how the spaces of a store stand, whether a server has it or nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import Parameter

from engram.edges.cli.options import SpacePlace
from engram.edges.cli.wire import print_json

if TYPE_CHECKING:
    from rich.table import Table

    from engram.edges.cli.remote import Remote
    from engram.edges.cli.session import Session
    from engram.settings import Settings

_IN_SPACE = SpacePlace()
_EVERY_S: Final = 2.0


class StatusCommands:
    """Commands that look at a store from outside."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def status(
        self,
        *,
        watch: Annotated[
            bool, Parameter(negative="", help="Draw it again every two seconds, until Ctrl-C.")
        ] = False,
        place: SpacePlace = _IN_SPACE,
    ) -> int:
        """Say how the memory spaces stand: memories, pressure, lag, consolidation.

        Asks the server when one has the store open. Exits 1 when a space is unavailable.
        """
        settings = place.settings()

        async def command() -> bool:
            import anyio  # noqa: PLC0415 - not needed for --help

            while True:
                server = self._session.server(settings)
                spaces = await self._spaces(settings, place.space, server)
                if watch and not place.json:
                    self._session.console.clear()
                if place.json:
                    print_json({"spaces": spaces, "server": _facts(server)})
                else:
                    self._show(spaces, server)
                if not watch:
                    return any(each["phase"] == "unavailable" for each in spaces)
                await anyio.sleep(_EVERY_S)

        self._session.interrupted = "stopped watching"
        return int(self._session.run(command))

    async def _spaces(
        self, settings: Settings, space: str | None, server: Remote | None
    ) -> list[dict[str, Any]]:
        if server is not None:
            told = await server.ask("/api/v1/system/health", space=space)
            return [dict(each) for each in told["spaces"]]
        from msgspec import to_builtins  # noqa: PLC0415 - not needed for --help

        from engram.model.errors import SpaceNotFound  # noqa: PLC0415 - as above

        async with self._session.machine.open_store(settings=settings) as db:
            known = await db.spaces()  # which opens them: a space that is closed has no numbers
            if space is not None and space not in {each.id for each in known}:
                raise SpaceNotFound(space)
            found = (await db.health()).spaces
        return [to_builtins(each) for each in found if space in {None, each.space}]

    def _show(self, spaces: list[dict[str, Any]], server: Remote | None) -> None:
        self._session.console.print(_table(spaces))
        if server is not None:
            urls = " and ".join(filter(None, (server.url, server.grpc_url)))
            self._session.console.print(f"Served at {urls} (pid {server.pid})", soft_wrap=True)
        for each in spaces:
            for said in filter(None, (each["reason"], *each["damage"], *each["errors"])):
                text = f"{each['space']}: {said}"
                self._session.console.print(text, style="red", markup=False, soft_wrap=True)


def _facts(server: Remote | None) -> dict[str, Any] | None:
    if server is None:
        return None
    return {"url": server.url, "grpc": server.grpc_url, "pid": server.pid}


def _table(spaces: list[dict[str, Any]]) -> Table:
    from rich import box  # noqa: PLC0415 - not needed for --help
    from rich.table import Table  # noqa: PLC0415 - as above

    table = Table(box=box.SQUARE, header_style="bold")
    table.add_column("Space", overflow="fold")
    for column in ("Memories", "Pressure", "WAL Lag (ms)", "Consolidation"):
        table.add_column(column, justify="right", no_wrap=True)
    for each in spaces:
        if each["phase"] != "ready":
            table.add_row(each["space"], each["phase"])
            continue
        table.add_row(
            each["space"],
            f"{each['memories']:,}",
            f"{each['pressure']:.1%}",
            f"{each['wal_lag_ms']:,.1f}",
            f"{each['consolidation_rate']:,.2f}/s",
        )
    return table
