"""The commands that start and stop a server: start, stop."""

from __future__ import annotations

import gc
import re
import sys
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from engram.edges.cli.options import Place
from engram.edges.cli.wire import print_json

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from engram.edges.cli.machine import Running, Server
    from engram.edges.cli.session import Session
    from engram.settings import Settings

_HERE = Place()
_ANY_HOSTS: Final = "every program that reaches that address could read and erase everything"
# Opening a store of an older format takes its time; the spaces are opened after it listens.
_START_SECONDS_MAX: Final = 60
# A server drains and takes snapshots for at most ten seconds.
_STOP_SECONDS_MAX: Final = 15
_LOOK_EVERY_S: Final = 0.1
# How a command that fails says so: its code comes first, the time of a message in the log does not.
_REFUSAL: Final = re.compile(r"[A-Z_]+: ")


class ServerCommands:
    """Commands that run the server of a store."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def start(
        self,
        *,
        host: Annotated[
            str | None, Parameter(help="Where to listen (else ENGRAM_HTTP_HOST, else 127.0.0.1).")
        ] = None,
        port: Annotated[
            int | None, Parameter(help="Which port (else ENGRAM_HTTP_PORT, else 7432).")
        ] = None,
        insecure: Annotated[
            bool,
            Parameter(negative="", help="Listen beyond this machine though access is off."),
        ] = False,
        detach: Annotated[
            bool,
            Parameter(negative="", help="Return once it listens; it goes on in the background."),
        ] = False,
        place: Place = _HERE,
    ) -> int:
        """Serve the store over HTTP until Ctrl-C or `engram stop`."""
        settings = place.settings(http_host=host, http_port=None if port is None else str(port))
        check_reach(settings, insecure=insecure)
        if detach:
            self._session.run(lambda: self._detached(settings, place, insecure=insecure))
            return 0
        return self._served(settings, place)

    def _served(self, settings: Settings, place: Place) -> int:
        import anyio  # noqa: PLC0415 - not needed for --help

        self._session.interrupted = "stopped before the server was up"

        async def command() -> int:
            async with self._session.machine.servers.open(settings) as server:
                self._say(settings, place, server, "Ctrl-C or `engram stop`")
                # What is there now stays: the garbage collector took 0.3 s to go through a thousand
                # spaces, each time with every request waiting.
                await server.run(recovered=gc.freeze)
            return 0

        return int(anyio.run(command, backend_options={"use_uvloop": _has_uvloop()}))

    def _say(self, settings: Settings, place: Place, server: Running | Server, ways: str) -> None:
        """Say where the server is, to be read by programs that wait for the line."""
        url, grpc_url = server.url, server.grpc_url
        if place.json:
            grpc = {} if grpc_url is None else {"grpc": grpc_url}
            print_json({"url": url, "store": str(settings.data_path)} | grpc)
            sys.stdout.flush()
            return
        self._session.console.print(
            f"Engram serves {settings.data_path} at {url} (see {url}/docs)"
            f"{'' if grpc_url is None else f' and {grpc_url}'}. Stop it with {ways}.",
            soft_wrap=True,
        )

    async def _detached(self, settings: Settings, place: Place, *, insecure: bool) -> None:
        """Start the server in a process of its own; return when it listens."""
        import anyio  # noqa: PLC0415 - not needed for --help

        from engram.model.errors import Unavailable  # noqa: PLC0415 - as above

        log = settings.data_path / ".server.log"
        child = _launched(settings, place, log, insecure=insecure)
        with anyio.move_on_after(_START_SECONDS_MAX):
            while child.poll() is None:
                found = self._session.machine.servers.file(settings).read()
                if found is not None and found.pid == child.pid:
                    self._say(settings, place, found, "`engram stop`")
                    # It outlives this process; without a code Python would take that for neglect.
                    child.returncode = 0
                    return
                await anyio.sleep(_LOOK_EVERY_S)  # another process tells by its file alone
        lines = log.read_text("utf-8", "replace").splitlines()
        # Another server that was started meanwhile may write there, too.
        refusals = [each for each in lines if _REFUSAL.match(each)]
        last = (refusals or lines or ["it said nothing"])[-1]
        raise Unavailable(f"the server did not come up: {last} (see {log})")

    def stop(self, *, place: Place = _HERE) -> int:
        """Stop the server of the store: it answers what is under way and takes snapshots."""
        settings = place.settings()
        server = self._session.machine.servers.file(settings).read()
        if server is None:
            from engram.model.errors import InvalidRequest  # noqa: PLC0415 - rarely needed

            raise InvalidRequest(
                f"no server runs for the store at {settings.data_path}; start one with "
                "`engram start`, or name the store of yours with --data"
            )
        self._session.run(lambda: self._stopped(settings, server))
        if place.json:
            print_json({"pid": server.pid, "url": server.url, "stopped": True})
        else:
            self._session.console.print(f"Stopped the server at {server.url} (pid {server.pid})")
        return 0

    async def _stopped(self, settings: Settings, server: Running) -> None:
        """Return when the server has let go of the store."""
        import anyio  # noqa: PLC0415 - not needed for --help

        from engram.model.errors import Unavailable  # noqa: PLC0415 - as above

        file = self._session.machine.servers.file(settings)
        file.ask_to_stop(server)
        with anyio.move_on_after(_STOP_SECONDS_MAX):
            # The file goes first: who looks for a server is not to find one that takes no more.
            while file.has_store(server):  # noqa: ASYNC110 - in another process
                await anyio.sleep(_LOOK_EVERY_S)
            return
        raise Unavailable(
            f"the server at {server.url} (pid {server.pid}) was asked to stop and still runs after "
            f"{_STOP_SECONDS_MAX} s; see its log, or end its process"
        )


def check_reach(settings: Settings, *, insecure: bool) -> None:
    """Refuse to listen beyond this machine where nobody is asked who they are."""
    from engram.model.errors import InvalidRequest  # noqa: PLC0415 - rarely needed

    if not (insecure or settings.access or settings.is_local):
        raise InvalidRequest(
            f"{settings.http_host} is not an address of this machine alone, and {_ANY_HOSTS}; set "
            "ENGRAM_ACCESS=on and make keys with `engram keys create`, or say --insecure"
        )


def _launched(
    settings: Settings, place: Place, log: Path, *, insecure: bool
) -> subprocess.Popen[bytes]:
    """Return the process of a server that outlives this one; what it says goes to `log`."""
    import subprocess  # noqa: PLC0415 - not needed for --help

    # What a store is made with is its user's alone, and so is what its server says.
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    log.touch(mode=0o600)
    command = [
        *(sys.executable, "-m", "engram", "start", "--data", str(settings.data_path)),
        *("--host", settings.http_host, "--port", str(settings.http_port)),
        *(() if place.config is None else ("--config", str(place.config))),
        *(("--insecure",) if insecure else ()),
    ]
    with log.open("ab") as said:
        return subprocess.Popen(  # noqa: S603 - our own program
            command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _has_uvloop() -> bool:
    from importlib.util import find_spec  # noqa: PLC0415 - not needed for --help

    return find_spec("uvloop") is not None
