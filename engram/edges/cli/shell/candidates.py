"""What may stand at the cursor, completed: words of the language, names, parameters, orders."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from engram.edges.cli.shell.orders import FORMS, ORDERS
from engram.edges.cli.shell.statements import ORDER, last_of
from engram.query.expectations import expected_behind

_BEGUN: Final = re.compile(r"[\"']?\$?[A-Za-z0-9_-]*\Z")
_SPACE: Final = re.compile(r"\bIN\s+SPACE\s+\Z", re.IGNORECASE)
_ORDER: Final = re.compile(r"\s*\\(\w*)\Z")
_ARGUMENT: Final = re.compile(r"\s*\\(space|format|params)\s+([A-Za-z0-9_$-]*)\Z")
_KINDS_QUOTED: Final = "a kind of memory"


class Candidates(NamedTuple):
    """What is known beside the language."""

    spaces: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()


def candidates_at(text: str, known: Candidates) -> tuple[str, list[str]]:
    """Return what was begun behind the end of a text, and what it may become."""
    order = _ORDER.match(text)
    if order is not None:
        begun = ORDER + order[1]
        return begun, [ORDER + name for name in ORDERS if name.startswith(order[1].lower())]
    argument = _ARGUMENT.match(text)
    if argument is not None:
        of = {
            "space": known.spaces,
            "format": FORMS,
            "params": tuple(f"{name}=" for name in known.parameters),
        }
        return argument[2], _fitting(argument[2], of[argument[1]])
    return _in_statement(last_of(text), known)


def _in_statement(text: str, known: Candidates) -> tuple[str, list[str]]:
    found = _BEGUN.search(text)
    begun = "" if found is None else found.group()
    before = text[: len(text) - len(begun)]
    if _SPACE.search(before):
        return begun, _fitting(begun, known.spaces)
    expected = expected_behind(before)
    quote = begun[:1] if begun[:1] in ("'", '"') else '"'
    fits: list[str] = []
    for name in expected.names:
        is_quoted = _KINDS_QUOTED in expected.values
        fits.append(f"{quote}{name}{quote}" if is_quoted else name.partition("<")[0])
    # Marks are not begun with a letter, and too short to be worth it where one is.
    fits += [word for word in expected.words if word[0].isalpha() or not begun]
    if expected.values and (begun.startswith("$") or not fits):
        fits += [f"${name}" for name in known.parameters]
    return begun, _fitting(begun, fits)


def _fitting(begun: str, names: tuple[str, ...] | list[str]) -> list[str]:
    """Return the names that begin like this, in any case."""
    return [name for name in names if name.lower().startswith(begun.lower())]
