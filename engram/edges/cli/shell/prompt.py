"""The prompt at a terminal: history, several lines, colours, and what may come next."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition, has_focus
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.styles import Style

from engram.edges.cli.shell.candidates import Candidates, candidates_at, label_at
from engram.edges.cli.shell.statements import ORDER, is_unfinished
from engram.query.expectations import WORDS
from engram.query.lexer import WORD, spans_of

if TYPE_CHECKING:
    from prompt_toolkit.formatted_text import StyleAndTextTuples

    from engram.edges.cli.shell.talk import Talk

# Years of statements; what is older than half of it goes when the shell is opened next.
_HISTORY_BYTES_MAX: Final = 1 << 20
_STYLE: Final = Style.from_dict(
    {
        "keyword": "bold ansiblue",
        "string": "ansigreen",
        "number": "ansicyan",
        "moment": "ansicyan",
        "span": "ansicyan",
        "parameter": "ansimagenta",
        "strange": "ansired",
        "order": "bold ansiyellow",
        "prompt": "bold",
    }
)
_ORDER: Final = re.compile(r"\s*\\\w*")


class Prompt:
    """Reads what is typed; `note` says what did not work, a sentence and a blank, or is empty."""

    def __init__(self, talk: Talk, history: Path | None) -> None:
        self._talk = talk
        kept, self.note = _history_at(history)
        self._session: PromptSession[str] = PromptSession(
            lexer=_Highlighter(),
            completer=_Completer(talk),
            history=kept,
            style=_STYLE,
            multiline=True,
            prompt_continuation=_continuation,
            key_bindings=_bindings(),
            complete_while_typing=False,
        )

    async def read(self) -> str:
        """Return what was typed.

        Raises:
            KeyboardInterrupt: ctrl-c, which lets go of the line.
            EOFError: ctrl-d on an empty line.
        """
        return await self._session.prompt_async(
            [("class:prompt", f"{self._talk.space}> ")], handle_sigint=False
        )


def _continuation(width: int, _line: int, _wraps: int) -> StyleAndTextTuples:
    return [("class:prompt", "> ".rjust(width))]


def _history_at(path: Path | None) -> tuple[History, str]:
    """Return the history in a file that its owner alone can read, or why it is kept nowhere."""
    if path is None:
        return InMemoryHistory(), ""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.fchmod(handle, 0o600)
        finally:
            os.close(handle)
        _shorten(path)
    except OSError as error:
        said = f"The history cannot be kept in {path}: {error.strerror}. "
        return InMemoryHistory(), said
    return _QuietHistory(str(path)), ""


def _shorten(path: Path) -> None:
    """Let go of the older half of a history that has grown too long."""
    kept = path.read_bytes()
    if len(kept) > _HISTORY_BYTES_MAX:
        # An entry begins with a blank line and a comment; its own lines begin with a plus.
        start = kept.find(b"\n\n# ", len(kept) - _HISTORY_BYTES_MAX // 2)
        path.write_bytes(kept[start + 1 :] if start >= 0 else b"")


class _QuietHistory(FileHistory):
    """A file of what was typed; a full disk costs the entry, not the talk."""

    def store_string(self, string: str) -> None:
        with suppress(OSError):
            super().store_string(string)


def _bindings() -> KeyBindings:
    bindings = KeyBindings()
    typing = has_focus(DEFAULT_BUFFER)

    @Condition
    def is_choosing() -> bool:
        state = get_app().current_buffer.complete_state
        return state is not None and state.current_completion is not None

    @bindings.add("enter", filter=typing & ~is_choosing)
    def enter(event: KeyPressEvent) -> None:
        """Go on where something is missing, unless the line is empty; else take what is there."""
        buffer = event.current_buffer
        document = buffer.document
        has_more = is_unfinished(buffer.text) and document.current_line.strip()
        if has_more:
            buffer.newline(copy_margin=False)
        else:
            buffer.validate_and_handle()

    @bindings.add("enter", filter=typing & is_choosing)
    def choose(event: KeyPressEvent) -> None:
        """Take what was chosen from the menu."""
        event.current_buffer.complete_state = None

    @bindings.add("escape", "enter", filter=typing)
    def new_line(event: KeyPressEvent) -> None:
        """Begin another line, whatever is there."""
        event.current_buffer.newline(copy_margin=False)

    return bindings


class _Completer(Completer):
    """Offers what the parser, or an order, would take."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk

    def get_completions(self, document: Document, _: CompleteEvent) -> list[Completion]:
        """Return what fits of what is known without asking the store."""
        return _completions(document, Candidates(parameters=tuple(self._talk.parameters)))

    async def get_completions_async(
        self, document: Document, _: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        """Yield what fits."""
        talk, label = self._talk, label_at(document.text_before_cursor)
        spaces = await talk.space_names()
        labels = [] if label is None else await talk.labels(label.field, label.prefix)
        known = Candidates(tuple(spaces), tuple(talk.parameters), tuple(labels))
        for each in _completions(document, known):
            yield each


def _completions(document: Document, known: Candidates) -> list[Completion]:
    begun, found = candidates_at(document.text_before_cursor, known)
    return [Completion(each, start_position=-len(begun)) for each in found]


class _Highlighter(Lexer):
    """Colours what the lexer of the language tells apart."""

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        """Return what gives a line in coloured pieces."""
        lines = _coloured(document.text)
        return lambda number: lines[number] if number < len(lines) else []


def _coloured(text: str) -> list[StyleAndTextTuples]:
    lines: list[StyleAndTextTuples] = [[]]

    def add(style: str, piece: str) -> None:
        for number, part in enumerate(piece.split("\n")):
            if number:
                lines.append([])
            if part:
                lines[-1].append((style, part))

    order = _ORDER.match(text)
    at = 0 if order is None else order.end()
    if order is not None:
        add("class:order", order.group())
    shift = at
    for kind, start, end in spans_of(text[shift:]):
        add("", text[at : shift + start])
        piece = text[shift + start : shift + end]
        is_keyword = kind == WORD and piece.upper() in WORDS
        add("class:keyword" if is_keyword else f"class:{_styled(kind, piece)}", piece)
        at = shift + end
    add("", text[at:])
    return lines


def _styled(kind: str, piece: str) -> str:
    """Return the style of a piece; the end of a statement is not strange."""
    return "mark" if piece.startswith((";", ORDER)) else kind
