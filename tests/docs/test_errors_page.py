"""The page about errors lists each class and each code; `python -m` of this module renews it."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from engram.edges.http.problems import REMEDIES
from engram.model import errors
from engram.service.wire.refusals import TITLES, remedy_of, status_of, told_of

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "errors.md"


def kinds(below: type[errors.EngramError] = errors.EngramError) -> list[type[errors.EngramError]]:
    """Return every error class, each before those below it in the tree."""
    children = [each for each in below.__subclasses__() if each in vars(errors).values()]
    return [below, *(kind for each in children for kind in kinds(each))]


def code_and_status(kind: type[errors.EngramError]) -> tuple[str, int]:
    """Return what a server says of an error, which is not always what the library does."""
    if kind is errors.Closed:
        told = told_of(errors.Closed("the store"))
        return told.code, told.status
    return kind.code, status_of(kind)


def generated() -> dict[str, list[str]]:
    """Return the rows of each table by the name of its marker."""
    by_code: dict[str, list[str]] = {code: [] for code in TITLES}
    for kind in kinds():
        by_code[kind.code].append(f"`{kind.__name__}`")
    codes = [
        f"| `{code}` | {TITLES[code]} | {REMEDIES.get(code) or remedy_of(code)} | "
        f"{', '.join(found) or 'of a server alone'} |"
        for code, found in by_code.items()
    ]
    rows = []
    for kind in kinds():
        code, status = code_and_status(kind)
        shown = f"{status}" if code == kind.code else f"{status} `{code}`"
        when = (kind.__doc__ or "").splitlines()[0]
        rows.append(f"| `{kind.__name__}` | `{kind.code}` | {shown} | {when} |")
    return {
        "codes": ["| code | what | what to do | errors |", "|---|---|---|---|", *codes],
        "errors": ["| error | code | HTTP | when |", "|---|---|---|---|", *rows],
    }


def renewed(text: str) -> str:
    """Return the page with its tables as they are to be."""
    for name, rows in generated().items():
        before, marker, after = text.partition(f"<!-- {name} -->\n")
        assert marker, name
        rest = re.sub(r"\A(?:\|.*\n)*", "", after)
        text = "".join([before, marker, *(f"{row}\n" for row in rows), rest])
    return text


def test_the_page_lists_every_error_and_every_code() -> None:
    """Nothing is missing from it, and it promises nothing that is not there."""
    text = PAGE.read_text("utf-8")
    assert renewed(text) == text
    assert text.count("| `SpaceNotFound` | `NOT_FOUND` | 404 |") == 1


def test_no_error_is_passed_over() -> None:
    there = [each for each in vars(errors).values() if inspect.isclass(each)]
    public = {each for each in there if issubclass(each, errors.EngramError)}
    assert len(kinds()) == len(public)
    assert set(kinds()) == public


def test_an_error_that_is_missing_is_noticed() -> None:
    text = PAGE.read_text("utf-8")
    lines = text.splitlines(keepends=True)
    without = "".join(line for line in lines if not line.startswith("| `LogPoisoned`"))
    assert without != text
    assert renewed(without) == text


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text("utf-8")), "utf-8")
