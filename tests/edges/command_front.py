"""The verbs of a store, carried out by the command line: each call is a command with `--json`.

Commands run in this process and meet the store that is open here, so that what differs from its
own answers differs by the command line alone.
"""

from __future__ import annotations

import asyncio
import inspect
import io
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, redirect_stderr, redirect_stdout
from typing import Any, Final, NamedTuple

import msgspec
import pytest
from anyio import to_thread

from engram.edges.cli.app import DONE, FAILED, USAGE, run
from engram.edges.cli.machine import Machine
from engram.edges.client.refused import Problem, error_of_problem
from engram.model.errors import InvalidRequest
from engram.service.space import Space
from engram.service.store import Engram
from tests.edges.command_words import (
    ARGUMENT_BYTES_MAX,
    STORE_VERBS,
    UNSAID,
    VERBS,
    Unsaid,
    Verb,
    words_of,
)

_HELP: Final = " --help`"
"""Ends what is said of a command line that was not understood."""


class Told(NamedTuple):
    """What was said as commands, what was refused by which exit code, and what could not be."""

    commands: Counter[str]
    codes: Counter[int]
    unsaid: Counter[str]


class Lent:
    """A store of one loop, or a space of it, whose verbs may be awaited on another loop."""

    def __init__(self, held: Engram | Space, loop: asyncio.AbstractEventLoop) -> None:
        self._held, self._loop = held, loop

    def __getattr__(self, name: str) -> Any:
        """Return a verb, or what the store or space has under the name."""
        found = getattr(self._held, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def verb(*arguments: Any, **named: Any) -> Any:
            asked = asyncio.run_coroutine_threadsafe(found(*arguments, **named), self._loop)
            answer = await asyncio.wrap_future(asked)
            return Lent(answer, self._loop) if isinstance(answer, Space) else answer

        return verb


class CommandLineFront:
    """Runs commands on a store that is open in the calling loop."""

    def __init__(self, machine: Machine, data: str, db: Engram, told: Told) -> None:
        self._data, self.told = data, told
        lent: Any = Lent(db, asyncio.get_running_loop())

        @asynccontextmanager
        async def lend(**_: Any) -> AsyncIterator[Any]:
            yield lent

        self._machine = machine._replace(open_store=lend)

    async def carry_out(
        self, verb: Verb, arguments: Mapping[str, Any], space: str | None = None
    ) -> Any:
        """Return the answer to a call; raises what the command says, Unsaid when there is none."""
        options, positions = words_of(verb, arguments)
        given = b""
        for at, word in enumerate(positions):
            if len(word) > ARGUMENT_BYTES_MAX:
                positions[at], given = "-", word.encode()
        place = [] if space is None else [f"--space={space}"]
        words = [*options, "--json", f"--data={self._data}", *place]
        if positions:
            words += ["--", *positions]
        code, out = await to_thread.run_sync(self._ran, words, given)
        self.told.commands[" ".join(verb.command[: 1 + (verb.command[0] == "space")])] += 1
        self.told.codes[code] += 1
        answer = msgspec.json.decode(out)
        is_refusal = isinstance(answer, dict) and "error" in answer
        assert code in ({FAILED, USAGE} if is_refusal else {DONE}), (words, code, out)
        if not is_refusal:
            return verb.read(answer, arguments)
        raise _error_of(code, answer["error"])

    def _ran(self, words: list[str], given: bytes) -> tuple[int, str]:
        out, err, own = io.StringIO(), io.StringIO(), sys.stdin
        with redirect_stdout(out), redirect_stderr(err):
            sys.stdin = io.TextIOWrapper(io.BytesIO(given))
            try:
                code = run(words, self._machine, "9.9.9")
            finally:
                sys.stdin = own
        assert err.getvalue() == "", words
        return code, out.getvalue()


def _error_of(exit_code: int, said: Mapping[str, Any]) -> Exception:
    """Return the error of the library that a command tells of.

    A command line that was not understood is to commands what an invalid request is to a program.
    """
    if exit_code == USAGE:
        assert said == {"code": "USAGE", "message": said["message"]}
        assert said["message"].endswith(_HELP)
        return InvalidRequest(said["message"])
    fields = {"code": said["code"], "detail": said["message"], "error": said["name"]}
    known = {name: said[name] for name in ("violations", "facts") if name in said}
    return error_of_problem(msgspec.convert(fields | known, Problem))


class _Said:
    """Something whose verbs are commands; those that no command line says are its own."""

    _verbs: Mapping[str, Verb]

    def __init__(self, held: Any, front: CommandLineFront) -> None:
        self._held, self._front = held, front

    def __getattr__(self, name: str) -> Any:
        """Return a verb."""
        own = getattr(self._held, name)
        verb = self._verbs.get(name)
        if verb is None:
            self._front.told.unsaid[name] += 1
            assert name in UNSAID, name
            return own

        async def call(*given: Any, **named: Any) -> Any:
            values = tuple(map(_lasting, given))
            fields = {field: _lasting(value) for field, value in named.items()}
            try:
                arguments = _arguments(own, *values, **fields)
                return await self._front.carry_out(verb, arguments, self._place())
            except Unsaid as unsaid:
                reasons = unsaid.args
            except InvalidRequest as refusal:
                await _check_said(refusal, own(*values, **fields))
                raise
            self._front.told.unsaid.update(reasons)
            assert set(reasons) <= set(UNSAID), reasons
            return await own(*values, **fields)

        return call

    def _place(self) -> str | None:
        return None


class CommandSpace(_Said):
    """A memory space whose verbs are commands."""

    _verbs = VERBS

    @property
    def id(self) -> str:
        """Its id."""
        return str(self._held.id)

    def _place(self) -> str | None:
        return self.id


class CommandStore(_Said):
    """A store whose verbs are commands; the handle of a space is made by none."""

    _verbs = STORE_VERBS

    async def space(self, space_id: str = "default") -> CommandSpace:
        """Return the handle of a space."""
        return CommandSpace(await self._held.space(space_id), self._front)

    async def create_space(self, space_id: str) -> CommandSpace:
        """Create a space and return its handle."""
        verb = STORE_VERBS["create_space"]
        return await self.space(await self._front.carry_out(verb, {"space_id": space_id}))


def _arguments(own: Callable[..., Any], *given: Any, **named: Any) -> dict[str, Any]:
    """Return the arguments of a call by name, those that were left out as the library has them."""
    bound = inspect.signature(own).bind(*given, **named)
    bound.apply_defaults()
    found = dict(bound.arguments)
    for parameter in inspect.signature(own).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            more = found.pop(parameter.name)
            if own.__name__ == "update" and any(not each for each in more.values()):
                raise Unsaid("update to nothing")
            found |= more
    return found


async def _check_said(refusal: InvalidRequest, asked: Awaitable[Any]) -> None:
    """Check that the library refuses what a command refused, and in the same words.

    A table of refusals compares no words of those, since servers read types before rules; commands
    read none but their own.
    """
    with pytest.raises(InvalidRequest) as met:
        await asked
    if not str(refusal).endswith(_HELP):
        # A command reads a number as one with a fraction, where there may be one.
        assert str(refusal).replace("2.0", "2") == str(met.value)


def _lasting(value: Any) -> Any:
    """Return what can be gone through but once as something that can be again."""
    return list(value) if isinstance(value, Iterator) else value
