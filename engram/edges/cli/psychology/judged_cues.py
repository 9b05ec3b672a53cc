"""Cues of which it is known what they ask for, and the memories to find it among.

The constants of relevance were fitted to none of them; its form was settled with them in sight.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from engram.edges.cli import corpus_reader
from engram.edges.cli.psychology.word_lists import LISTS
from engram.retrieval.function_words import is_english_function_word

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engram.service.preparing import NewMemory

_LETTERS_MIN: Final = 3
_words = re.compile(r"[A-Za-z]+").findall
_sentences: Final = re.compile(r"(?<=[.!?])\s+(?=[A-Z])").split

_REMEMBERED_MIN, _REMEMBERED_KINDS = 2, 6
_MISREMEMBERED_EVERY: Final = 5
_SENTENCES_MIN: Final = 2
_LISTED: Final = 10
_LISTED_WORDS: Final = 30


class Judged(NamedTuple):
    """Memories, the cues that ask for some of them, by their texts, and how many are listed."""

    name: str
    memories: Sequence[NewMemory]
    asked: Sequence[tuple[str, frozenset[str]]]
    listed: int


def half_remembered() -> Judged:
    """Return passages, and a cue for each of some of its words: two to seven, spread over it.

    After Azzopardi and de Rijke, "Automatic construction of known-item finding test beds" (2006): a
    query for a known item mixes words of the item with words of the others. Here every fifth is of
    another passage.
    """
    passages = corpus_reader.passages()
    telling = [_telling(passage["content"]) for passage in passages]
    asked, count = [], 0
    for number, passage in enumerate(passages):
        size = _REMEMBERED_MIN + number % _REMEMBERED_KINDS
        cue = []
        for place in range(size):
            count += 1
            is_wrong = count % _MISREMEMBERED_EVERY == 0
            words = telling[number - len(passages) // 2 if is_wrong else number]
            cue.append(words[(2 * place + 1) * len(words) // (2 * size)])
        asked.append((" ".join(cue), frozenset((passage["content"],))))
    return Judged("half-remembered passages", passages, asked, _LISTED)


def sentences_left_out() -> Judged:
    """Return passages without their middle sentences, which are the cues that ask for the rest.

    The inverse cloze task of Lee, Chang and Toutanova, "Latent retrieval for weakly supervised open
    domain question answering" (2019).
    """
    memories, asked = [], []
    for passage in corpus_reader.passages():
        said = _sentences(passage["content"])
        if len(said) >= _SENTENCES_MIN:
            cue = said.pop(len(said) // 2)
            passage["content"] = " ".join(said)
            asked.append((cue, frozenset((passage["content"],))))
        memories.append(passage)
    return Judged("sentences and what was around them", memories, asked, _LISTED)


def word_lists() -> Judged:
    """Return the words of all lists, and the word that each list is about, which asks for it."""
    memories: list[NewMemory] = [{"content": word} for words in LISTS.values() for word in words]
    asked = [(name, frozenset(words)) for name, words in LISTS.items()]
    return Judged("what word lists are about", memories, asked, _LISTED_WORDS)


SETS: Final[tuple[Callable[[], Judged], ...]] = (half_remembered, sentences_left_out, word_lists)


def _telling(text: str) -> list[str]:
    """Return the words of a text that say something, each once, in order."""
    words = dict.fromkeys(word.lower() for word in _words(text) if len(word) >= _LETTERS_MIN)
    return [word for word in words if not is_english_function_word(word)]
