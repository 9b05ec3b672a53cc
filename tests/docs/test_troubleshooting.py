"""What the pages for operators quote of messages is said somewhere, word for word."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from engram.model import errors
from engram.service.metrics import METRICS
from engram.service.wire.refusals import STATUS
from tests.docs.test_http_page import OWN

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "operations").glob("*.md"))
SPEAKING = ("engram", "benches", "build_kernels.py", "build_wheels.py", "tests/simulation")
# Where values stand in a message, and where a quote leaves something out.
HOLE = "\0"
SHELL_VALUE = re.compile(r"\$\(.*?\)|\$\{?[\w@*#]+\}?")
MARKUP = re.compile(r"\[/?[a-z ]*\]")
WORDS_MIN = 2


def trouble(page: str) -> Iterator[str]:
    """Yield what somebody sees when it goes wrong: the first cells, the heads of items."""
    _, _, rest = page.partition("\n| you see |")
    yield from re.findall(r"^\| (?!---)([^|]*) \|", rest.partition("\n\n")[0], re.MULTILINE)
    _, _, rest = page.partition("\n## When it goes wrong\n")
    yield from re.findall(r"^- ((?:`[^`]*`|[^`:])+):", rest, re.MULTILINE)


def quoted(page: str) -> list[str]:
    """Return what a page quotes of what may be seen."""
    return [each for seen in trouble(page) for each in re.findall(r"`([^`]+)`", seen)]


def said_in(tree: ast.Module) -> Iterator[str]:
    """Yield the texts of a module, but for its docstrings; a value in a text is a hole."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [each.value if isinstance(each, ast.Constant) else HOLE for each in node.values]
            yield "".join(str(each) for each in parts)
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings
        ):
            yield node.value


@cache
def messages() -> str:
    """Return all texts that programs of this repository may say, a line each."""
    files = [
        path
        for name in SPEAKING
        for path in ([ROOT / name] if name.endswith(".py") else sorted((ROOT / name).rglob("*.py")))
    ]
    texts = [text for path in files for text in said_in(ast.parse(path.read_text("utf-8")))]
    for path in (ROOT / ".ci").iterdir():
        texts += [SHELL_VALUE.sub(HOLE, line) for line in path.read_text("utf-8").splitlines()]
    return "\n".join(MARKUP.sub("", text) for text in texts)


@cache
def words() -> frozenset[str]:
    """Return what may be quoted by a single word: statuses, errors, metrics."""
    kinds = {name for name, value in vars(errors).items() if inspect.isclass(value)}
    statuses = {str(each) for each in (*STATUS.values(), *OWN.values())}
    return frozenset(kinds | statuses | set(METRICS))


def is_said(quote: str) -> bool:
    """Whether every part of a quote stands in some message, or it is one of the known words."""
    parts = [each.strip(" '\"();,.") for each in re.split(r"\.\.\.|: ", quote)]
    telling = [each for each in parts if len(each.split()) >= WORDS_MIN]
    if not telling:
        found = (each in words() or is_said_alone(each) for each in parts if each)
        return all(found)
    return all(each in messages() for each in telling)


def is_said_alone(word: str) -> bool:
    """Whether a word, an option or a path stands in some message as such."""
    return re.search(rf"(?<![\w/-]){re.escape(word)}(?![\w/-])", messages()) is not None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.stem))
def test_what_is_quoted_is_said(page: Path) -> None:
    """A message that was changed or dropped is not looked for in vain."""
    assert [each for each in quoted(page.read_text("utf-8")) if not is_said(each)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.stem))
def test_every_page_says_what_may_go_wrong(page: Path) -> None:
    assert len(list(trouble(page.read_text("utf-8")))) > 2


def test_most_pages_quote_messages() -> None:
    """Otherwise the quotes are not found, rather than right."""
    counts = [len(quoted(page.read_text("utf-8"))) for page in PAGES]
    assert (sum(counts) > 30, sum(count > 0 for count in counts) > 8) == (True, True)


@pytest.mark.parametrize(
    "quote",
    [
        "the archive is damaged beyond repair",
        "memory space ... exists no more",
        "setup: ... is too young, 3.11 is needed",
        "SpaceMissing",
        "engram_nothing_total",
        "418",
    ],
)
def test_a_message_that_nobody_says_is_noticed(quote: str) -> None:
    assert not is_said(quote)


def test_a_docstring_says_nothing() -> None:
    tree = ast.parse('"""Doc."""\ndef f(a):\n    """Doc."""\n    return f"x {a} y" "z"\n')
    assert "Doc." not in list(said_in(tree))
    assert f"x {HOLE} yz" in list(said_in(tree))
