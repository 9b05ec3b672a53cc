"""The errors are a tree by whose move is next, drawn where they stand and explained to users."""

from __future__ import annotations

import ast
import inspect
import re

from engram.model import errors

HOMES = {f"engram/model/{name}.py" for name in ("errors", "error_branches", "refusals")}
BRANCHES = {"RequestError", "Overloaded", "Unavailable", "DurabilityError", "InvariantViolated"}


def error_classes() -> list[type[errors.EngramError]]:
    """Return every error class, in the order of the source."""
    return [
        value
        for value in vars(errors).values()
        if inspect.isclass(value) and issubclass(value, errors.EngramError)
    ]


def drawn(docstring: str) -> dict[str, str]:
    """Return child -> parent of a tree drawn with `|--` and '`--'."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in docstring.splitlines():
        found = re.match(r"((?:[| ]   )*)([|`]-- )?([A-Z]\w*)(?:\s{2,}|$)", line)
        if found is None:
            continue
        depth = len(found[1]) // 4 + bool(found[2])
        path[depth:] = [found[3]]
        if depth:
            parents[found[3]] = path[depth - 1]
    return parents


def test_the_drawing_shows_the_classes_as_they_are() -> None:
    built = {
        kind.__name__: kind.__bases__[0].__name__
        for kind in error_classes()
        if kind is not errors.EngramError
    }
    assert drawn(errors.__doc__ or "") == built


def test_a_missing_branch_is_noticed() -> None:
    assert drawn("A\n|-- B    text\n|   `-- C\n`-- D") == {"B": "A", "C": "B", "D": "A"}


def test_every_error_belongs_to_someone() -> None:
    """Below the root stand the five branches and nothing else."""
    top = {kind.__name__ for kind in error_classes() if kind.__base__ is errors.EngramError}
    assert top == BRANCHES


def test_no_error_stands_outside_the_tree(trees: dict[str, ast.Module]) -> None:
    """Error classes live in engram.model.errors, or are private to a module."""
    strays = [
        f"{path}: {node.name}"
        for path, tree in trees.items()
        if path.startswith("engram/") and path not in HOMES
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
        if {ast.unparse(base) for base in node.bases} & {kind.__name__ for kind in error_classes()}
    ]
    assert strays == []


def test_every_error_says_when_it_is_raised() -> None:
    kinds = [kind for kind in error_classes() if kind is not errors.EngramError]
    assert [k.__name__ for k in kinds if not (k.__doc__ or "").startswith("Raised when")] == []


def test_every_code_is_a_stable_word() -> None:
    assert [
        k.__name__ for k in error_classes() if not re.fullmatch("[A-Z]+(_[A-Z]+)*", k.code)
    ] == []
