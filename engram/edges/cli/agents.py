"""The commands that give agents a memory: mcp, mcp install."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from engram.edges.cli.hosts import HOSTS, HostName, Launch
from engram.edges.cli.options import SpacePlace
from engram.edges.cli.servers import check_reach
from engram.edges.cli.wire import print_json

if TYPE_CHECKING:
    from engram.edges.cli.session import Session
    from engram.settings import Settings

_HERE = SpacePlace()
_HOST: Final = "127.0.0.1"
_PORT: Final = 7433
_WITHOUT_SDK: Final = (
    "`engram mcp` needs the SDK of the Model Context Protocol: install it with "
    "`pip install 'engram-memory-engine[mcp]'`"
)


class AgentCommands:
    """Commands that serve agents over the Model Context Protocol."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def serve(
        self,
        *,
        http: Annotated[
            bool,
            Parameter(negative="", help="Serve over streamable HTTP instead of standard input."),
        ] = False,
        host: Annotated[
            str | None, Parameter(help="With --http: where to listen (else 127.0.0.1).")
        ] = None,
        port: Annotated[
            int | None, Parameter(help="With --http: which port (else 7433; 0 for any).")
        ] = None,
        insecure: Annotated[
            bool,
            Parameter(
                negative="",
                help="With --http: listen beyond this machine though access is off.",
            ),
        ] = False,
        place: SpacePlace = _HERE,
    ) -> int:
        """Give an agent the memories of a space, as tools over the Model Context Protocol."""
        self._check_sdk()
        if not http:
            self._refuse_without_http(host=host, port=port, insecure=insecure)
            settings = place.settings()
            tools = self._session.machine.tools
            self._session.run(lambda: tools.serve(settings, partial(self._session.store, settings)))
            return 0
        at = str(_PORT if port is None else port)
        settings = place.settings(http_host=host or _HOST, http_port=at)
        check_reach(settings, insecure=insecure)
        self._session.run(lambda: self._served(settings, place))
        return 0

    async def _served(self, settings: Settings, place: SpacePlace) -> None:
        open_store = partial(self._session.store, settings)
        async with self._session.machine.tools.open(settings, open_store) as server:
            if place.json:
                print_json({"url": server.url, "store": str(settings.data_path)})
                sys.stdout.flush()
            else:
                self._session.console.print(
                    f"Engram serves agents at {server.url}. Stop it with Ctrl-C.", soft_wrap=True
                )
            await server.run()

    def install(
        self,
        host: Annotated[HostName, Parameter(help="The program that is to use the memories.")],
        /,
        *,
        url: Annotated[
            str | None,
            Parameter(help="That of `engram mcp --http`; left out, the host starts the server."),
        ] = None,
        place: SpacePlace = _HERE,
    ) -> int:
        """Print what a host has to be told to use these memories, and where."""
        found = HOSTS[host]
        told = found.told(self._launch(place), url)
        if url is None and not _has_sdk():
            self._session.errors.print(f"first: {_WITHOUT_SDK}", soft_wrap=True, markup=False)
        if place.json:
            print_json({"host": host, "where": found.where, "configuration": told})
            return 0
        # Where it goes is said aside, so that the rest can be put into a file as it is.
        self._session.errors.print(f"{found.where}:", style="dim", soft_wrap=True)
        self._session.console.print(
            told, soft_wrap=True, markup=False, highlight=False, emoji=False
        )
        return 0

    def _launch(self, place: SpacePlace) -> Launch:
        """Return how this very program is started with the place named here.

        What the environment says of the place is written out: a host has an environment of its own.
        """
        from engram.config.places import find_file  # noqa: PLC0415 - not needed for --help
        from engram.model.ids import check_space_id  # noqa: PLC0415 - as above
        from engram.settings import process_environment  # noqa: PLC0415 - as above

        environment = process_environment()
        arguments = ["-m", "engram", "mcp"]
        data = place.data or environment.get("ENGRAM_DATA_ROOT")
        if data:
            arguments += ["--data", str(Path(data).expanduser().absolute())]
        file = find_file(place.config, environment)
        if file.chosen_by != "default":
            arguments += ["--config", "off" if file.path is None else str(file.path.absolute())]
        space = place.space or environment.get("ENGRAM_MEMORY_SPACE")
        if space:
            arguments += ["--space", check_space_id(space)]
        return Launch(sys.executable, arguments)

    def _check_sdk(self) -> None:
        from engram.model.errors import InvalidRequest  # noqa: PLC0415 - rarely needed

        if not _has_sdk():
            raise InvalidRequest(_WITHOUT_SDK)

    def _refuse_without_http(self, *, host: str | None, port: int | None, insecure: bool) -> None:
        if host is None and port is None and not insecure:
            return
        from engram.model.errors import InvalidRequest  # noqa: PLC0415 - rarely needed

        raise InvalidRequest("--host, --port and --insecure go with --http; add it")


def _has_sdk() -> bool:
    from importlib.util import find_spec  # noqa: PLC0415 - not needed for --help

    return find_spec("mcp") is not None
