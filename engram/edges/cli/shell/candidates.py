"""What may stand at the cursor, completed: words of the language, names, labels, orders."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from engram.edges.cli.shell.orders import FORMS, ORDERS
from engram.edges.cli.shell.statements import ORDER, last_of
from engram.query.expectations import expected_behind
from engram.query.lexer import STRING, spans_of
from engram.query.printer import quoted

_BEGUN: Final = re.compile(r"[\"']?\$?[A-Za-z0-9_-]*\Z")
_ENDED: Final = re.compile(
    r"\"[^\"\\]*(?:\\.[^\"\\]*)*\"|'[^'\\]*(?:\\.[^'\\]*)*'",
    re.DOTALL,
)
_SPACE: Final = re.compile(r"\bIN\s+SPACE\s+\Z", re.IGNORECASE)
_ORDER: Final = re.compile(r"\s*\\(\w*)\Z")
_ARGUMENT: Final = re.compile(r"\s*\\(space|format|params)\s+([A-Za-z0-9_$-]*)\Z")
_KINDS_QUOTED: Final = "a kind of memory"
# What a label is compared with: behind tag HAS, source =, source IN ("a", and the like.
_LABELLED: Final = re.compile(
    r"""\b(?:(tag|entity)\s+HAS
        | (source|session|fact_key)\s*(?:!?=|IN\s*\((?:\s*(?:"[^"]*"|'[^']*'|\$\w+)\s*,)*)
        )\s*\Z""",
    re.IGNORECASE | re.VERBOSE,
)


class Candidates(NamedTuple):
    """What is known beside the language; `labels` are those of the field at the cursor."""

    spaces: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


class LabelBegun(NamedTuple):
    """A label at the cursor: of which field, what was begun of it, and that as it is written."""

    field: str
    prefix: str
    written: str


def label_at(text: str) -> LabelBegun | None:
    """Return the label that a text ends in or may go on with; None where none fits."""
    text = last_of(text)
    spans = list(spans_of(text))
    begun = ""
    if spans and spans[-1][2] == len(text) and not text[-1].isspace():
        kind, start, end = spans[-1]
        if kind == STRING and _ENDED.fullmatch(text, start) is None:
            begun = text[start:]
        elif _BEGUN.fullmatch(text[start:end]):
            begun = text[start:end]
    before = text[: len(text) - len(begun)]
    found = _LABELLED.search(before)
    if found is None or not expected_behind(before).values:
        return None
    said = begun[1:] if begun[:1] in ("'", '"') else begun
    # What stands behind a backslash may mean something else.
    return LabelBegun((found[1] or found[2]).lower(), said.partition("\\")[0], begun)


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
    label = label_at(text)
    if label is not None and not label.written.startswith("$"):
        names = _written(known.labels, label.written)
        if not label.written:
            names += [f"${name}" for name in known.parameters]
        return label.written, names
    return _in_statement(last_of(text), known)


def _written(names: tuple[str, ...], begun: str) -> list[str]:
    """Return names that begin so as texts of the language, in the quotes that were begun with."""
    mark = "'" if begun.startswith("'") else '"'
    written = [quoted(name, mark) for name in names]
    return _fitting(begun if begun.startswith(mark) else mark + begun, written)


def _in_statement(text: str, known: Candidates) -> tuple[str, list[str]]:
    found = _BEGUN.search(text)
    begun = "" if found is None else found.group()
    before = text[: len(text) - len(begun)]
    if _SPACE.search(before):
        return begun, _fitting(begun, known.spaces)
    expected = expected_behind(before)
    if _KINDS_QUOTED in expected.values and not begun.startswith("$"):
        return begun, _written(expected.names, begun)
    fits = [name.partition("<")[0] for name in expected.names]
    # Marks are not begun with a letter, and too short to be worth it where one is.
    fits += [word for word in expected.words if word[0].isalpha() or not begun]
    if expected.values and (begun.startswith("$") or not fits):
        fits += [f"${name}" for name in known.parameters]
    return begun, _fitting(begun, fits)


def _fitting(begun: str, names: tuple[str, ...] | list[str]) -> list[str]:
    """Return the names that begin like this, in any case."""
    return [name for name in names if name.lower().startswith(begun.lower())]
