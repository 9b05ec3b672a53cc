"""What is typed, carried out: statements, and orders to the shell that begin with a backslash."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, NamedTuple, get_args

from engram.edges.cli.answers import Form, parameter
from engram.edges.cli.options import picture_file
from engram.edges.cli.screen import facts
from engram.edges.cli.shell.statements import ORDER, statements_of
from engram.model.errors import InvalidRequest
from engram.model.recall_result import RecallResult
from engram.query.places import EXAMPLES
from engram.query.syntax import EXPLAIN, PROFILE
from engram.settings import expanded

if TYPE_CHECKING:
    from engram.edges.cli.shell.talk import Talk

FORMS: Final[tuple[Form, ...]] = get_args(Form)


class Order(NamedTuple):
    """An order to the shell: what follows its name, what it does, in words and in deed."""

    takes: str
    does: str
    carry_out: Callable[[Talk, str], Awaitable[None]]


async def carry_out(talk: Talk, text: str) -> None:
    """Carry out one statement or order and print its answer.

    Raises:
        InvalidRequest: there is no such order, or it was given what does not fit.
        What `Space.query` raises.
    """
    if not text.lstrip().startswith(ORDER):
        talk.show(await talk.ask(text.strip()))
        return
    name, rest = _split(text.strip().removeprefix(ORDER))
    order = ORDERS.get(name.lower())
    if order is None:
        known = ", ".join(ORDER + each for each in ORDERS)
        raise InvalidRequest(f"there is no {ORDER}{name}; there are {known}")
    await order.carry_out(talk, rest)


async def _explain(talk: Talk, rest: str) -> None:
    talk.show(await talk.ask(f"{EXPLAIN} {_statement(rest, 'explain')}"))


async def _profile(talk: Talk, rest: str) -> None:
    talk.show(await talk.ask(f"{PROFILE} {_statement(rest, 'profile')}"))


async def _graph(talk: Talk, rest: str) -> None:
    name, text = _name(rest)
    statement = _statement(text, "graph")
    path = expanded(name)
    draw = picture_file(path, f"{ORDER}graph")
    if talk.is_remote:
        raise InvalidRequest(
            f"{ORDER}graph draws what the engine of this process found, and a server has the store "
            "open; `engram recall CUE --graph FILE` draws a recall of a server"
        )
    answer = await talk.ask(statement, explain=True)
    if not isinstance(answer.result, RecallResult):
        raise InvalidRequest(f"{ORDER}graph draws what RECALL and PREDICT find, and nothing else")
    draw(answer.result)
    talk.show(answer)
    talk.say(f"Picture: {path}")


async def _space(talk: Talk, rest: str) -> None:
    if rest:
        await talk.move_to(rest)
    else:
        talk.console.print(talk.space)


async def _params(talk: Talk, rest: str) -> None:
    if rest:
        name, value = parameter(rest.removeprefix("$"))
        if value == "":
            talk.parameters.pop(name, None)
        else:
            talk.parameters[name] = value
    elif talk.parameters:
        talk.console.print(
            facts(
                (f"${name}", value if isinstance(value, str) else json.dumps(value))
                for name, value in talk.parameters.items()
            )
        )
    else:
        talk.say(f"There are none; {ORDER}params cue=kettle makes one.")


async def _format(talk: Talk, rest: str) -> None:
    if not rest:
        talk.console.print(talk.form)
    elif rest in FORMS:
        talk.form = rest
    else:
        raise InvalidRequest(f"{ORDER}format is one of {', '.join(FORMS)}, not {rest!r}")


async def _help(talk: Talk, _: str) -> None:
    talk.console.print(
        facts((f"{ORDER}{name} {each.takes}".rstrip(), each.does) for name, each in ORDERS.items())
    )
    talk.console.print("\nA statement ends with ; or with Enter where nothing more is needed:\n")
    talk.console.print(facts(EXAMPLES.items()))


async def _quit(talk: Talk, _: str) -> None:
    talk.is_over = True


ORDERS: Final = {
    "explain": Order("STATEMENT", "how it would be carried out, and at what cost", _explain),
    "profile": Order("STATEMENT", "carry it out; what was expected beside what took", _profile),
    "graph": Order("FILE STATEMENT", "draw what is recalled as FILE.html or FILE.svg", _graph),
    "space": Order("[ID]", "ask another space, or say which one is asked", _space),
    "params": Order("[NAME=VALUE]", "give $NAME a value, or with NAME= none; list them", _params),
    "format": Order(f"[{'|'.join(FORMS)}]", "how answers are printed", _format),
    "help": Order("", "this", _help),
    "quit": Order("", "leave, as ctrl-d does", _quit),
}
"""By name, what may stand behind a backslash."""


def _split(text: str) -> tuple[str, str]:
    """Return the first word of a text and what follows it, without a `;` at its end."""
    parts = text.split(maxsplit=1)
    rest = parts[1] if len(parts) > 1 else ""
    return (parts[0].rstrip(";") if parts else ""), rest.rstrip("; \t\r\n")


def _name(text: str) -> tuple[str, str]:
    """Return a name, which may stand in quotes, and what follows it."""
    if text.startswith(('"', "'")):
        name, _, rest = text[1:].partition(text[0])
        return name, rest
    return _split(text)


def _statement(text: str, name: str) -> str:
    """Return the one statement of an order."""
    found = statements_of(text)
    if len(found) != 1:
        raise InvalidRequest(f"write it like {ORDER}{name} {ORDERS[name].takes}")
    return found[0].strip()
