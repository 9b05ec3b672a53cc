"""Who says a text: the label it begins with, and the cue without such names.

A turn of a conversation, a message or a note by hand often begins with its author ("Ana: I moved").
The words of that label are indexed once more as terms of their own, so that a recall whose cue
names somebody can prefer what that person said to what others said of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

LABEL_CHARACTERS_MAX: Final = 40
"""Longer beginnings are no label: a name of four words seldom has more."""

LABEL_WORDS_MAX: Final = 4
"""More words before a colon are the beginning of a sentence. An unspaced character is a word."""

SPEAKER_MARK: Final = ":"
"""Ends the terms of labels; the terms of ordinary words never hold it."""

# A letter first, no sentence mark inside, and a space after an ASCII colon: 10:30 and https://
# begin no text that somebody says.
_COLON_WIDE: Final = "\N{FULLWIDTH COLON}"
_label: Final = re.compile(
    rf"\s{{0,8}}([^\W\d_][^:{_COLON_WIDE},;!?\n\r\"(){{}}\[\]]{{0,{LABEL_CHARACTERS_MAX - 1}}}+)"
    rf"(?::\s|{_COLON_WIDE})"
).match

Document = Callable[[str], tuple[list[str], int]]
"""`Tokenizer.document`."""


def label_words(text: str, document: Document) -> list[str]:
    """Return the words of the label `text` begins with, each marked; none without a label."""
    label = _label(text)
    if label is None:
        return []
    words, length = document(label[1])
    return [word + SPEAKER_MARK for word in words] if length <= LABEL_WORDS_MAX else []


def told_by(text: str) -> tuple[str | None, str]:
    """Return whose name `text` begins with, None without a label, and what follows it."""
    label = _label(text)
    if label is None or len(label[1].split()) > LABEL_WORDS_MAX:
        return None, text
    return label[1].strip(), text[label.end() :]


def without_names(cue: str, is_name: Callable[[str], bool]) -> str:
    """Return `cue` without the runs between white space for which `is_name`; never nothing."""
    kept = [run for run in cue.split() if not is_name(run)]
    return " ".join(kept) if kept else cue
