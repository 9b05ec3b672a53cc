"""Markdown: a file, or all of a folder; each section that says something is a memory.

A section begins at a heading (ATX or setext, not within a fence of code) and its content with the
path of headings that leads to it, so that it is understood alone. YAML between lines of `---` at
the top of a file says title, date and tags of all of them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import yaml

from engram.model.errors import InvalidRequest
from engram.model.limits import CONTENT_BYTES_MAX
from engram.service.exchange.mapping import Fault, fields_from
from engram.service.exchange.records import Records, Repeats
from engram.service.exchange.text_files import Raw

SUFFIXES: Final = (".md", ".markdown")
FILE_BYTES_MAX: Final = 16 * 1024 * 1024
"""Of a file: a book has one or two; a larger one was made by a machine."""
PATH_CHARACTERS_MAX: Final = 1_024
"""Of the path of headings before a section's text, which has to fit with it."""
PART_BYTES_MAX: Final = CONTENT_BYTES_MAX - 4 * PATH_CHARACTERS_MAX - 2
"""Of a section's text; a longer one becomes several memories, cut between paragraphs."""

_HEADING: Final = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))??(?:[ \t]+#+)?[ \t]*$")
_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})")
_UNDERLINE: Final = re.compile(r" {0,3}(=+|-+)[ \t]*$")
# A line that cannot be the text of a setext heading: list, quote, table, code.
_NO_TEXT: Final = re.compile(r"(\s*[-*+>|]|\s*\d+[.)]|\s*```|\s*~~~|\t| {4})")
_LINES: Final = re.compile(r"\r\n|\r|\n")
_FRONT: Final = re.compile(
    r"---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE
)
_PARAGRAPHS: Final = re.compile(r"\n[ \t]*\n")


class Section(NamedTuple):
    """A section: the line it begins in, the headings that lead to it, its own text."""

    line: int
    headings: tuple[str, ...]
    text: str


def files_of(path: Path) -> list[Path]:
    """Return the file, or those of the folder in order; hidden ones and links stay out. Blocks."""
    if not path.is_dir():
        path.stat()  # OSError, when it is not there
        return [path]
    found = []
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            file = Path(folder, name)
            is_one = file.suffix.lower() in SUFFIXES and not name.startswith(".")
            if is_one and file.is_file() and not file.is_symlink():
                found.append(file)
    if not found:
        raise InvalidRequest(f"{path} has no file that ends with {' or '.join(SUFFIXES)}")
    return sorted(found)


def total_of(path: Path) -> int:
    """Return how many bytes the files have. Blocks."""
    return sum(file.stat().st_size for file in files_of(path))


def records(path: Path) -> Records:
    """Yield the sections of a file or a folder. Blocks."""
    repeats, done = Repeats(), 0
    for file in files_of(path):
        size = file.stat().st_size
        name = file.relative_to(path).as_posix() if path.is_dir() else file.name
        sections = list(_of_file(file, name, size, repeats))
        for at, raw in enumerate(sections, 1):
            yield raw, done + size * at // len(sections)
        done += size


def _of_file(file: Path, name: str, size: int, repeats: Repeats) -> Iterator[Raw]:
    kept = {"source": name}
    try:
        text = _read(file, size)
        kept["content"] = text
        front, body, line = front_matter(text)
    except ValueError as error:
        fault = "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        yield Raw(1, msgspec.json.encode(kept) + b"\n", None, fault, f"{name} line 1")
        return
    changed = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    title = front.get("title")
    for section in sections(body, line, str(title) if isinstance(title, str | int) else None):
        parts = _parts(section.text)
        for number, part in enumerate(parts, 1):
            own: dict[str, Any] = {
                "headings": list(section.headings),
                "line": section.line,
                "part": number if len(parts) > 1 else None,
            }
            place = f"{name} line {section.line}"
            try:
                fields = fields_from(
                    "markdown", front, _content(section.headings, part), source=name,
                    metadata=front, own=own,
                )  # fmt: skip
            except ValueError as error:
                raw = msgspec.json.encode({**kept, "content": part}) + b"\n"
                yield Raw(section.line, raw, None, str(error), place)
                continue
            is_dated = "occurred_at" in fields
            fields.setdefault("occurred_at", changed.isoformat())
            own_name = f"{section.line}.{number}"
            yield repeats.raw(section.line, fields, own_name, place=place, is_dated=is_dated)


def _read(file: Path, size: int) -> str:
    if size > FILE_BYTES_MAX:
        raise Fault(f"has {size} bytes; at most {FILE_BYTES_MAX} are read")
    return file.read_bytes().decode("utf-8-sig")


def _content(headings: tuple[str, ...], text: str) -> str:
    """Return a section's text below the path of its headings."""
    path = " > ".join(headings)[:PATH_CHARACTERS_MAX]
    return "\n\n".join(filter(None, (path, text)))


def _parts(text: str) -> list[str]:
    """Return a text, cut between paragraphs where it is too long for one memory."""
    if len(text.encode()) <= PART_BYTES_MAX:
        return [text]
    parts: list[str] = []
    taken: list[str] = []
    size = 0
    for paragraph in _PARAGRAPHS.split(text):
        own = len(paragraph.encode()) + 2
        if taken and size + own > PART_BYTES_MAX:
            parts.append("\n\n".join(taken))
            taken, size = [], 0
        taken.append(paragraph)
        size += own
    return [*parts, "\n\n".join(taken)]


def front_matter(text: str) -> tuple[dict[str, Any], str, int]:
    """Return what stands in YAML at the top, the rest, and the line that it begins in.

    Raises Fault when it is no YAML.
    """
    found = _FRONT.match(text)
    if found is None:
        return {}, text, 1
    try:
        front = yaml.safe_load(found[1])
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        said = " ".join(str(error).split())
        raise Fault(f"its front matter is not YAML: {said}") from error
    if not isinstance(front, dict | None):
        return {}, text, 1  # a text between two rules
    plain = {str(name): _plain(value) for name, value in (front or {}).items()}
    return plain, text[found.end() :], text.count("\n", 0, found.end()) + 1


def _plain(value: Any) -> Any:
    """Return what YAML says as JSON can hold it."""
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(each) for each in value]
    if isinstance(value, date):
        return value.isoformat()
    return value if isinstance(value, str | int | float | None) else str(value)


def sections(text: str, line: int = 1, title: str | None = None) -> Iterator[Section]:
    """Yield the sections of a text that say something; a heading alone leads to those below it.

    `line` is the number of its first line, `title` what stands above all headings.
    """
    path = [(0, title)] if title else []
    taken: list[str] = []
    start, fence, has_heading = line, "", False
    rows = _LINES.split(text)
    for at, row in enumerate(rows):
        opened = _FENCE.match(row)
        if fence:
            closes = opened and opened[1].startswith(fence) and not row.strip().strip(fence[0])
            fence = "" if closes else fence
        elif opened:
            fence = opened[1]
        heading = None if fence or opened else _heading(rows, at)
        if heading is None:
            taken.append(row)
            continue
        level, words, height = heading
        said = "\n".join(taken[: len(taken) - height + 1]).strip()
        if said or (has_heading and level <= path[-1][0]):
            yield Section(start, tuple(each for _, each in path), said)
        path = [each for each in path if each[0] < level]
        if words and (0, words) not in path:
            path.append((level, words))
        taken.clear()
        start, has_heading = line + at - height + 1, bool(words)
    said = "\n".join(taken).strip()
    if said or has_heading:
        yield Section(start, tuple(each for _, each in path), said)


def _heading(rows: list[str], at: int) -> tuple[int, str, int] | None:
    """Return level, words and lines of the heading that ends in a row."""
    found = _HEADING.match(rows[at])
    if found:
        return len(found[1]), (found[2] or "").strip(), 1
    if not at or not _UNDERLINE.match(rows[at]):
        return None
    before = rows[at - 1]
    is_text = before.strip() and not _NO_TEXT.match(before) and not _HEADING.match(before)
    # Only one line of text becomes a heading here; below more of them it is a rule between two.
    is_alone = at == 1 or not rows[at - 2].strip() or _HEADING.match(rows[at - 2]) is not None
    if not (is_text and is_alone):
        return None
    return (1 if rows[at].strip().startswith("=") else 2), before.strip(), 2
