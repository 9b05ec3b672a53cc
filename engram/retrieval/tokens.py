r"""Words of a text, and the terms they are indexed under.

Rule 1: texts that Unicode calls compatible give equal words (NFKC, case folded); words that a
reader tells apart stay apart, so diacritics are kept: ma, má and mà are three words.
Rule 2: a combining mark never splits a word, which `\w` of `re` would do to Hindi and Thai.
Rule 3: scripts written without spaces (Han, kana, Hangul, Thai, Lao, Khmer, Myanmar) become
overlapping pairs of characters; documents carry the single characters too, so that a cue of one
character finds them.
Rule 4: the time is linear in the text, whatever the text is.
"""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from typing import Final

import snowballstemmer

from engram.model.errors import InvalidRequest
from engram.retrieval.function_words import is_english_function_word
from engram.retrieval.speakers import SPEAKER_MARK

TERM_CHARACTERS_MAX: Final = 64
"""Longer words are cut: no natural word is longer, and a base64 blob must not fill the terms."""

STEMMED_CHARACTERS_MAX: Final = 32
"""Longer words are not stemmed: none is inflected, and the stemmer's time grows with the word."""

MARKS_IN_A_ROW_MAX: Final = 30
"""Marks on one letter that are kept, as in the Stream-Safe Text Format of UAX #15.

Normalisation sorts a run of marks in quadratic time: 32,000 marks took 0.5 s, 30 take nothing.
"""

QUERY_WORDS_CACHED_MAX: Final = 4096
"""Words of cues whose term is remembered: stemming one takes 3 to 50 us, a cache hit 0.1 us."""

STEMS_CACHED_MAX: Final = 1 << 15
"""Words whose stem is remembered for all spaces, which often use the same; they take some 8 MB."""

NO_STEMMING: Final = "none"
"""The language whose words are indexed as they stand."""

ENGLISH_STEMMERS: Final = ("english", "porter")

_FIRST_NON_ASCII: Final = 0x80
_END_OF_TABLE: Final = 0x10000
_END_OF_SCRIPTS: Final = 0x20000  # above are Han ideographs, tags and variation selectors only
_SCANNED_AS_ONE: Final = ((0x3400, 0x9FFF), (0xAC00, 0xD7AF))  # Han, Hangul: letters all through

# Han with its marks for repetition and zero, kana, bopomofo, Hangul; Thai and Lao, Myanmar, Khmer.
_UNSPACED: Final = (
    "\u3005-\u3007\u3031-\u3035\u3040-\u30ff\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uac00-\ud7af\u1100-\u11ff\uf900-\ufaff\U0001aff0-\U0001b16f\U00020000-\U0003ffff"
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
)
_EMOJI: Final = "\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001f1e5\U0001f200-\U0001faff"
_FLAG_LETTER: Final = "[\U0001f1e6-\U0001f1ff]"
_EMOJI_TAGS: Final = "[\U000e0020-\U000e007f]*+"
_JOINERS: Final = "\u200c\u200d"

# Characters that change how a text looks and not what it says: variation selectors, soft hyphen,
# direction marks, word joiner, byte order mark, Arabic stretching, emoji skin tones.
_INVISIBLE: Final = re.compile(
    "[\ufe00-\ufe0f\U000e0100-\U000e01ef\u00ad\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"
    "\u0640\U0001f3fb-\U0001f3ff]+"
)

# 3.5 and 1,000 are one word; 12.05.2023 and 1,2,3 are three.
_NUMBER: Final = (
    r"(?<![0-9][.,])(?:[0-9]{1,3}(?:,[0-9]{3})++(?:\.[0-9]++)?|[0-9]++\.[0-9]++)(?![.,]?[0-9])"
)
_ASCII_WORDS: Final = re.compile(
    rf"[a-z][a-z0-9]*+(?:'[a-z0-9]++)*+|{_NUMBER}|[0-9][a-z0-9]*+(?:'[a-z0-9]++)*+"
)
ascii_words: Final = _ASCII_WORDS.findall
"""Return the words of an ASCII text in lower case."""


# In lower case, and whatever takes no part in a word as a space.
_ASCII_PARTS: Final = bytes(
    ord(chr(code).lower()) if chr(code).isascii() and (chr(code).isalnum() or chr(code) == "'")
    else ord(" ")
    for code in range(256)
)  # fmt: skip
_ASCII_DIGITS: Final = b"0123456789"
_mark_in_number: Final = re.compile("[0-9][.,][0-9]").search


def ascii_words_of(text: str) -> list[str]:
    """Return what `ascii_words` returns of an ASCII text in lower case, three times as fast.

    Between two characters that are in no word no word reaches across, unless it is a number.
    """
    data = text.encode()
    if len(data.translate(None, _ASCII_DIGITS)) < len(data) and _mark_in_number(text):
        return ascii_words(text.lower())
    words = data.translate(_ASCII_PARTS).decode().split()
    if "'" in text:
        for place in reversed([place for place, word in enumerate(words) if "'" in word]):
            words[place : place + 1] = ascii_words(words[place])
    return words


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")


@functools.cache
def _character_classes(end: int) -> tuple[str, str]:
    """Return the letters of spaced scripts and the combining marks below `end` as regex ranges.

    They are read from this Python's Unicode tables on first need, in ~10 ms.
    """
    unspaced = re.compile(f"[{_UNSPACED}]")
    found: tuple[list[list[int]], list[list[int]]] = ([], [])
    code = _FIRST_NON_ASCII
    while code < end:
        skip = next((last for first, last in _SCANNED_AS_ONE if first <= code <= last), None)
        if skip is not None:
            code = skip + 1
            continue
        character = chr(code)
        mark = _is_mark(character)
        if mark or (character.isalnum() and not unspaced.match(character)):
            ranges = found[mark]
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
        code += 1
    letters, marks = ("".join(f"{chr(a)}-{chr(b)}" for a, b in ranges) for ranges in found)
    return letters, marks


@functools.cache
def _patterns(end: int) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """Return the patterns of a word, of one unspaced character, and of too many marks.

    They hold for texts of characters below `end`. `re` finds a character below U+10000 in a table
    and tries the ranges above one by one, which makes texts without any four times as fast.
    """
    letters, marks = _character_classes(end)
    inner = f"[a-z0-9{letters}{marks}{_JOINERS}]*+"
    words = (
        rf"[a-z{letters}]{inner}(?:'[a-z0-9{letters}]{inner})*+"
        rf"|{_NUMBER}|[0-9]{inner}(?:'[a-z0-9{letters}]{inner})*+"
        rf"|[{_UNSPACED}][{_UNSPACED}{marks}{_JOINERS}]*+"
        rf"|{_FLAG_LETTER}{{2}}"
        rf"|[{_EMOJI}]{_EMOJI_TAGS}(?:\u200d[{_EMOJI}]{_EMOJI_TAGS})*+"
    )
    return (
        re.compile(words),
        re.compile(rf"[^{marks}{_JOINERS}][{marks}{_JOINERS}]*+"),
        re.compile(rf"([{marks}]{{{MARKS_IN_A_ROW_MAX}}})[{marks}]++"),
    )


_beyond_table: Final = re.compile("[\U00010000-\U0010ffff]").search
_many_non_words: Final = re.compile(
    rf"\W{{{MARKS_IN_A_ROW_MAX + 1}}}"
).search  # marks are \W to `re`
_IS_UNSPACED: Final = re.compile(f"[{_UNSPACED}]").match


class Tokenizer:
    """Splits texts into words and maps words to the terms they are indexed under.

    `language` names a Snowball stemmer ("english", "german", ...) or is "none"; InvalidRequest
    otherwise. Safe to share between threads.
    """

    def __init__(self, language: str = "english") -> None:
        if language != NO_STEMMING and language not in snowballstemmer.algorithms():
            names = ", ".join(sorted(snowballstemmer.algorithms()))
            raise InvalidRequest(
                f"language {language!r} has no stemmer; use {NO_STEMMING} or one of {names}"
            )
        self.language = language
        self._english = language in ENGLISH_STEMMERS
        self._turkish = language == "turkish"
        self.cached_term = functools.lru_cache(maxsize=QUERY_WORDS_CACHED_MAX)(self.term)

    def document(self, text: str) -> tuple[list[str], int]:
        """Return the words `text` is indexed under, with repeats, and its length in words.

        A run of n unspaced characters gives n characters and n - 1 pairs, and counts as n.
        """
        if text.isascii() and not self._turkish:
            words = ascii_words_of(text)
            return words, len(words)
        words = self._found(text)
        expanded: list[str] = []
        length = len(words)
        for word in words:
            if not _IS_UNSPACED(word):
                expanded.append(word)
                continue
            characters = _characters(word)
            expanded += characters
            expanded += _pairs(characters)
            length += len(characters) - 1
        return expanded, length

    def query(self, text: str) -> list[str]:
        """Return the words a cue asks for, with repeats, in order; all of them a document's words.

        A run of unspaced characters asks for its pairs, a lone one for itself. English function
        words are left out while other words remain.
        """
        expanded: list[str] = []
        for word in self._found(text):
            if _IS_UNSPACED(word):
                characters = _characters(word)
                expanded += _pairs(characters) if len(characters) > 1 else characters
            else:
                expanded.append(word)
        if self._english:
            return [word for word in expanded if not is_english_function_word(word)] or expanded
        return expanded

    def term(self, word: str) -> str:
        """Return the term of a word of `document` or `query`: cut, joined, stemmed.

        The mark of a word of `label_words` stays at its end.
        """
        if word.endswith(SPEAKER_MARK):
            return self.term(word.removesuffix(SPEAKER_MARK)) + SPEAKER_MARK
        if word.isascii():
            return self._ascii_term(word[:TERM_CHARACTERS_MAX])
        if _IS_UNSPACED(word):
            return word[:TERM_CHARACTERS_MAX]
        if word[0].isdecimal():
            return _with_ascii_digits(word[:TERM_CHARACTERS_MAX])
        if not word[0].isalpha():
            return word[:TERM_CHARACTERS_MAX]  # an emoji keeps its joiners
        word = word.replace("\u200c", "").replace("\u200d", "")[:TERM_CHARACTERS_MAX]
        return self._stemmed(word).replace("'", "")

    def _ascii_term(self, word: str) -> str:
        if word.isalpha():
            return self._stemmed(word)
        if "'" in word:
            return self._stemmed(word).replace("'", "")
        return word.replace(",", "")  # a number or a word with digits

    def _stemmed(self, word: str) -> str:
        if self.language == NO_STEMMING or len(word) > STEMMED_CHARACTERS_MAX:
            return word
        return _stem(self.language, word)

    def _found(self, text: str) -> list[str]:
        """Return the words of `text` as they stand, unspaced runs whole."""
        folded = self._folded(text)
        if folded.isascii():
            return ascii_words(folded)
        words: list[str] = _patterns(_end_of(folded))[0].findall(folded)
        return words

    def _folded(self, text: str) -> str:
        """Return `text` normalised and case folded (NFKC_Casefold of Unicode, marks bounded)."""
        if self._turkish:
            text = text.replace("I", "\u0131")  # dotless
        if text.isascii():
            return text.lower()
        text = _INVISIBLE.sub("", text)
        if _many_non_words(text):
            text = _patterns(_end_of(text))[2].sub(r"\1", text)
        text = unicodedata.normalize("NFKC", text).casefold().replace("i\u0307", "i")
        # Typographic apostrophes; the dotted capital of Turkish folded to i above.
        text = text.replace("\u2019", "'").replace("\u02bc", "'")
        return unicodedata.normalize("NFKC", text)


@functools.lru_cache(maxsize=STEMS_CACHED_MAX)
def _stem(language: str, word: str) -> str:
    # A stemmer carries the word it works on: a new one for each word (3 us) needs no lock.
    return str(snowballstemmer.stemmer(language).stemWord(word)) or word


def forget_stems() -> None:
    """Keep no word that was stemmed: some may be of erased memories alone."""
    _stem.cache_clear()


def _end_of(text: str) -> int:
    return _END_OF_SCRIPTS if _beyond_table(text) else _END_OF_TABLE


def _characters(run: str) -> list[str]:
    """Return the characters of an unspaced run, each with the marks it carries."""
    characters: list[str] = _patterns(_end_of(run))[1].findall(run)
    return characters


def _pairs(characters: list[str]) -> list[str]:
    return [first + second for first, second in itertools.pairwise(characters)]


def _with_ascii_digits(word: str) -> str:
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in word)
