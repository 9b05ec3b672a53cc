"""The program as a whole: its commands, its errors, its exit codes.

Exit codes: 0 done, 1 failed, 2 the command line was not understood, 130 stopped by Ctrl-C,
141 the reader of the output went away.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from cyclopts import App, CycloptsError, Parameter

from engram.edges.cli.agents import AgentCommands
from engram.edges.cli.associations import AssociationCommands
from engram.edges.cli.backups import BackupCommands
from engram.edges.cli.completions import CompletionCommands
from engram.edges.cli.concepts import ConceptCommands
from engram.edges.cli.configuration import ConfigCommands
from engram.edges.cli.corrections import CorrectionCommands
from engram.edges.cli.exchange import ExchangeCommands
from engram.edges.cli.inspection import InspectionCommands
from engram.edges.cli.integrity import IntegrityCommands
from engram.edges.cli.keys import KeyCommands
from engram.edges.cli.lookups import LookupCommands
from engram.edges.cli.memories import STANDARD_INPUT, MemoryCommands
from engram.edges.cli.psychology.commands import BenchCommands
from engram.edges.cli.queries import QueryCommands
from engram.edges.cli.quickstart import Quickstart
from engram.edges.cli.screen import make_console
from engram.edges.cli.servers import ServerCommands
from engram.edges.cli.session import Session
from engram.edges.cli.shell.commands import ShellCommands
from engram.edges.cli.spaces import SpaceCommands
from engram.edges.cli.statistics import StatisticsCommands
from engram.edges.cli.status import StatusCommands
from engram.edges.cli.strengthening import StrengthCommands
from engram.edges.cli.wire import print_json
from engram.model.errors import EngramError

if TYPE_CHECKING:
    from engram.edges.cli.machine import Machine

# What every command takes, or most; and whether a value follows.
_EVERYWHERE: Final = {"--config": True, "--data": True, "--space": True, "--json": False}

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130
READER_GONE: Final = 141


def build_app(session: Session, version: str) -> App:
    """Return the command line with every command of `session`."""
    app = App(
        name="engram",
        help="A durable memory engine: remember, recall, forget. Start with `engram quickstart`.",
        version=f"engram {version}",
        help_format="plaintext",
        version_format="plaintext",
        console=session.console,
        error_console=session.errors,
        suppress_keyboard_interrupt=False,
        default_parameter=Parameter(show_default=_default_text),
    )
    app.command(Quickstart(session).quickstart, sort_key=0)
    _add_memories(app, session)
    _add_spaces(app, session)
    _add_care(app, session)
    return app


def _add_memories(app: App, session: Session) -> None:
    """Add the commands about memories and what they lead to."""
    memories, corrections = MemoryCommands(session), CorrectionCommands(session)
    associations, strength = AssociationCommands(session), StrengthCommands(session)
    app.command(memories.remember, sort_key=1)
    app.command(memories.recall, sort_key=2)
    queries = QueryCommands(session)
    app.command(queries.query, sort_key=2)
    app.command(ShellCommands(session).shell, sort_key=2)
    app.command(queries.complete, sort_key=2)
    app.command(queries.recognize, sort_key=2)
    lookups = LookupCommands(session)
    app.command(lookups.search, sort_key=3)
    app.command(memories.get, sort_key=3)
    app.command(memories.list, sort_key=4)
    app.command(lookups.replay, sort_key=4)
    app.command(lookups.labels, sort_key=4)
    app.command(corrections.update, sort_key=5)
    app.command(corrections.history, sort_key=5)
    app.command(corrections.contradictions, sort_key=5)
    app.command(memories.forget, sort_key=6)
    app.command(strength.unsuppress, sort_key=6)
    app.command(strength.feedback, sort_key=6)
    app.command(associations.associate, sort_key=7)
    app.command(associations.dissociate, sort_key=7)
    app.command(associations.associations, sort_key=7)
    app.command(associations.neighbours, sort_key=7)
    app.command(associations.paths, sort_key=7)
    app.command(associations.spread, sort_key=7)
    concepts = ConceptCommands(session)
    app.command(concepts.consolidate, sort_key=8)
    app.command(concepts.concepts, sort_key=8)


def _add_spaces(app: App, session: Session) -> None:
    """Add the commands about spaces and backups."""
    spaces, strength = SpaceCommands(session), StrengthCommands(session)
    backups = BackupCommands(session)
    space = App(name="space", help="List, create, configure and delete memory spaces.", sort_key=10)
    space.command(spaces.list)
    space.command(spaces.create)
    space.command(spaces.delete)
    space.command(strength.show)
    space.command(strength.configure)
    app.command(space)
    backup = App(name="backup", help="Make, list, verify and prune backups.", sort_key=10)
    backup.command(backups.create)
    backup.command(backups.list)
    backup.command(backups.verify)
    backup.command(backups.prune)
    app.command(backup)
    app.command(backups.restore, sort_key=10)
    exchange = ExchangeCommands(session)
    app.command(exchange.export, sort_key=10)
    app.command(exchange.import_, name="import", sort_key=10)
    app.command(StatisticsCommands(session).stats, sort_key=10)
    _add_servers(app, session)
    app.command(spaces.checkpoint, sort_key=11)
    app.command(spaces.compact, sort_key=11)
    app.command(spaces.reembed, sort_key=11)


def _add_servers(app: App, session: Session) -> None:
    """Add the commands that run a server, say who it lets in, and what is configured."""
    servers, keys = ServerCommands(session), KeyCommands(session)
    app.command(servers.start, sort_key=9)
    app.command(servers.stop, sort_key=9)
    app.command(StatusCommands(session).status, sort_key=9)
    held = App(name="keys", help="Make, list and revoke the API keys of a server.", sort_key=9)
    held.command(keys.create)
    held.command(keys.list)
    held.command(keys.revoke)
    app.command(held)
    configured = ConfigCommands(session)
    config = App(name="config", help="Show and change what is configured.", sort_key=9)
    config.command(configured.get)
    config.command(configured.set)
    config.command(configured.list)
    config.command(configured.path)
    app.command(config)
    agents = AgentCommands(session)
    mcp = App(name="mcp", help="Serve agents over the Model Context Protocol.", sort_key=9)
    mcp.default(agents.serve)
    mcp.command(agents.install)
    app.command(mcp)


def _add_care(app: App, session: Session) -> None:
    """Add the commands that check, repair and measure."""
    inspection, integrity = InspectionCommands(session), IntegrityCommands(session)
    app.command(integrity.verify, sort_key=11)
    app.command(integrity.repair, sort_key=11)
    bench = App(name="bench", help="Measure the engine beside what is published.", sort_key=12)
    bench.command(BenchCommands(session).psychology)
    app.command(bench)
    app.command(inspection.doctor, sort_key=12)
    app.command(inspection.kernels, sort_key=13)
    app.command(CompletionCommands(app).completions, sort_key=13)


def _default_text(value: object) -> str | None:
    """Return a default worth telling; an option that is simply off needs no words."""
    return str(value) if value else None


def run(arguments: Sequence[str], machine: Machine, version: str) -> int:
    """Carry out one command line and return the exit code; never lets a traceback out."""
    session = Session(machine, make_console(), make_console(stderr=True))
    logging.basicConfig(format="note: %(message)s", level=logging.WARNING)
    try:
        code = _run(arguments, session, version)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes standard output once more at exit; let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    return code


def _run(arguments: Sequence[str], session: Session, version: str) -> int:
    as_json = "--json" in _before_dashes(arguments)
    try:
        app = build_app(session, version)
        answer = app(
            [STANDARD_INPUT if word == "-" else word for word in _ordered(app, arguments)],
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
        )
    except CycloptsError as error:
        _say(session, "USAGE", _sentence(error), as_json=as_json)
        return USAGE
    except EngramError as error:
        _say(session, error.code, str(error), as_json=as_json, more=_known_of(error))
        return FAILED
    except KeyboardInterrupt:
        _say(session, "INTERRUPTED", session.interrupted, as_json=as_json)
        return INTERRUPTED
    return answer if isinstance(answer, int) else DONE


def _ordered(app: App, arguments: Sequence[str]) -> list[str]:
    """Return a command line with the options of every command behind the command.

    They may stand before it, as in `engram --config FILE list`.
    """
    at = 0
    while at < len(arguments):
        name, _, value = arguments[at].partition("=")
        if name not in _EVERYWHERE:
            break
        at += 1 + (_EVERYWHERE[name] and not value)
    before, rest = arguments[:at], list(arguments[at:])
    names = len(app.parse_commands(rest)[0]) if before else 0
    if not names:
        return list(arguments)
    return [*rest[:names], *before, *rest[names:]]


def _before_dashes(arguments: Sequence[str]) -> Sequence[str]:
    return arguments[: list(arguments).index("--")] if "--" in arguments else arguments


def _sentence(error: CycloptsError) -> str:
    """Return what was wrong with the command line, and where help is, on one line."""
    command = " ".join(("engram", *(error.command_chain or ())))
    sentence = " ".join(str(error).split())
    if not sentence.endswith("..."):
        sentence = sentence.rstrip(".")
    return f"{sentence}; see `{command} --help`"


def _known_of(error: EngramError) -> dict[str, Any]:
    """Return what the library knows of an error beside its message, for machines."""
    from engram.service.wire.refusals import told_of  # noqa: PLC0415 - not needed for --help

    told = told_of(error)
    facts = dict(told.facts or {})
    # What a server calls the request in its log; no fact of the error.
    request_id = facts.pop("request_id", None)
    known: dict[str, Any] = {"name": type(error).__name__, "facts": facts}
    if told.violations:
        known["violations"] = list(told.violations)
    return known if request_id is None else known | {"request_id": request_id}


def _say(
    session: Session,
    code: str,
    message: str,
    *,
    as_json: bool,
    more: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    if as_json:
        print_json({"error": {"code": code, "message": message, **more}})
        return
    session.errors.print(f"{code}: {message}", style="red", soft_wrap=True)
