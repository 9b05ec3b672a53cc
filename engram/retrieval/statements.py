"""Simple statements of English texts: who or what, what is said of it, and the value.

Patterns, no grammar: they are meant to be right about what they read and pass over the rest. A
sentence counts when it begins with its subject and says one of the things below in the present.
Questions, conditions and pronouns other than "I" and "my" say nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from engram.retrieval.speakers import told_by

OWN: Final = "I"
"""The subject of "I" and "my" in a text that does not say whose it is."""

IS: Final = "is"
"""The relation of whatever else is said to be or not: many such things may be true together."""

SENTENCE_CHARACTERS_MAX: Final = 240
"""Longer sentences are passed over: what a simple one says stands in less."""

VALUE_WORDS_MAX: Final = 6
"""More words are no value but a story."""


_CURLY: Final = "\N{RIGHT SINGLE QUOTATION MARK}"


class Statement(NamedTuple):
    """What a sentence says of a subject; `value` as it is written.

    `is_own`: it is said of whoever speaks, or of what is theirs, and nothing tells who that is.
    """

    subject: str
    relation: str
    value: str
    is_denied: bool
    is_own: bool = False


_BEFORE: Final = (
    r"(?:(?:yes|no|yeah|well|actually|oh|so|and|but|also|now|today|currently|remember|"
    r"by the way|hi|hello|hey|note)\b[,:!]?\s+)*"
)
_NAME: Final = r"[A-Z][\w.-]*(?:'(?!s\b)\w+)?"
_NAMED: Final = rf"(?:[Tt]he\s+)?{_NAME}(?:\s+(?:(?:of|de|van|von|the|la|le)\s+)?{_NAME}){{0,3}}"
_DESCRIBED: Final = r"(?:[Tt]he|[Mm]y|[Oo]ur)\s+[a-z][\w-]*(?:\s+[a-z][\w-]*){0,2}?"
_WHO: Final = rf"(?:{_NAMED}|{_DESCRIBED})"
_ADVERB: Final = r"(?:\s+(?:now|currently|actually|still|already|really|presently|both))?"
_ATTRIBUTE: Final = (
    r"(?:favou?rite(?:\s+\w+){1,3}?|(?:(?:first|last|middle|full|maiden|nick)\s*)?name|surname|age|"
    r"birthday|date of birth|birthplace|(?:e-?mail|home|postal|street)?\s*address|e-?mail|"
    r"phone(?:\s+number)?|number|job|profession|occupation|employer|boss|manager|home\s?town|"
    r"nationality|native language|mother tongue|height|weight|size|price|cost|salary|"
    r"blood type|star sign|colou?r|capital|population|deadline|due date|password|"
    r"director|president|chair|ceo|owner|author|inventor|founder|wife|husband|spouse|partner|"
    r"mother|father|version|port|time\s?zone|currency|language|headquarters)"
)
_NOT: Final = r"(?P<not>\s+not|n't|\s+no longer)?"
_PLACE: Final = r"(?=(?:the\s+)?[\"']?[A-Z0-9])"  # what follows is a name or a number
_MOMENT: Final = r"(?=(?:the\s+)?[\"']?(?:[A-Z0-9]|noon|midnight))"
_VALUE: Final = r"\s+(?P<value>\S.*)"

# By name: what stands before a value, with the verb of "I" or of another, and what the value is.
_DOING: Final = (
    ("lives in", r"(?:lives?|resides?)\s+(?:in|at)", _PLACE),
    ("works at", r"works?\s+(?:at|for)", _PLACE),
    ("works as", r"works?\s+as", ""),
    ("studies at", r"(?:study|studies)\s+at", _PLACE),
    ("comes from", r"comes?\s+from", _PLACE),
    ("belongs to", r"belongs?\s+to", _PLACE),
    ("costs", r"costs?", r"(?=\D?\d)"),
    ("weighs", r"weighs?", r"(?=\d)"),
    ("starts at", r"(?:starts?|begins?)\s+(?:at|on)", _MOMENT),
    ("ends at", r"ends?\s+(?:at|on)", _MOMENT),
    ("opens at", r"opens?\s+(?:at|on)", _MOMENT),
    ("closes at", r"closes?\s+(?:at|on)", _MOMENT),
)
_BEING: Final = (
    ("is married to", r"married\s+to", _PLACE),
    ("comes from", r"from", _PLACE),
    ("is called", r"(?:called|named)", _PLACE),
    ("is in", r"(?:located\s+|based\s+)?in", _PLACE),
    ("is at", r"at", _MOMENT),
    ("is on", r"(?:due\s+)?on", _MOMENT),
    (IS, r"", ""),
)
_TENS_OF_YEARS: Final = r"(?P<years>\d{1,3})\s+years?\s+old\b"


def _alternatives(table: tuple[tuple[str, str, str], ...], prefix: str) -> str:
    verbs = [verb + r"\s+" if verb else "" for _, verb, _ in table]
    return "|".join(
        f"(?P<{prefix}{number}>{verb}{ahead})"
        for number, (verb, (_, _, ahead)) in enumerate(zip(verbs, table, strict=True))
    )


_tells = re.compile(
    r"\b(?:is|am|are|isn|aren|lives?|resides?|works?|study|studies|comes?|belongs?|costs?|weighs?|"
    r"starts?|begins?|ends?|opens?|closes?|born)\b"
    rf"|['{_CURLY}]m\b"
).search
_sentences = re.compile(r"(?<=[.!?])\s+|\n+|;\s+").split
_beginning = re.compile(_BEFORE, re.IGNORECASE).match
_SUBJECT: Final = rf"(?:(?P<own>[Ii])(?=\s|'m\b)|(?P<who>{_WHO})(?=\s|n't\b))"
_does = re.compile(
    rf"{_SUBJECT}{_ADVERB}\s+(?:(?P<not>(?:do|does)(?:\s+not|n't)|no longer)\s+)?"
    rf"(?:(?:now|currently|actually|still)\s+)?(?:{_alternatives(_DOING, 'd')})(?P<value>\S.*)"
).match
_is = re.compile(
    rf"{_SUBJECT}(?:\s+(?:is|am|are)|'m){_NOT}{_ADVERB}\s+"
    rf"(?:{_TENS_OF_YEARS}|(?:{_alternatives(_BEING, 'b')})(?P<value>\S.*))"
).match
_was_born = re.compile(rf"{_SUBJECT}\s+was{_NOT}\s+born\s+(?P<where>in|on){_VALUE}").match
_attribute = re.compile(
    rf"(?:(?P<own>[Mm]y)|(?P<who>{_WHO})'s?)\s+(?:current\s+)?(?P<what>{_ATTRIBUTE})"
    rf"\s+is{_NOT}{_ADVERB}(?:\s+(?:on|at|in|called))?{_VALUE}"
).match
_attribute_of = re.compile(
    rf"[Tt]he\s+(?:current\s+)?(?P<what>{_ATTRIBUTE})\s+of\s+(?P<who>{_WHO})"
    rf"\s+is{_NOT}{_ADVERB}{_VALUE}"
).match
_PRONOUNS: Final = (
    "i he she it they we you this that these those there here someone somebody nobody everyone "
    "everybody everything nothing something one some many most all both each another any his her "
    "its their your"
)
_OTHER_BEGINNINGS: Final = (
    "what who whom which when where why how if maybe perhaps no not nor then unless although while "
    "because since as in on at for to of with by from after before can could should would will may "
    "might do does is are was were"
)
_NO_SUBJECTS: Final = frozenset([*_PRONOUNS.split(), *_OTHER_BEGINNINGS.split()])
_end = re.compile(
    r",\s|\s[-(\N{EN DASH}\N{EM DASH}]|\s(?:and|but|because|since|with|when|while|who|which|that|"
    r"so|until|now|anymore|any more|these days|though|although|if|as|right now|at the moment)\b"
).search
_EDGES: Final = " \t.!?,:;\"'()"
_words = re.compile(r"[\w%$€£'.:-]*\w").findall
_ARTICLES: Final = frozenset(("a", "an", "the"))


def statements(text: str) -> Iterator[Statement]:
    """Yield what the sentences of a text say, each at most one thing.

    Of a text that begins with its speaker ("Ana: ...") "I" is that speaker.
    """
    if _tells(text) is None:
        return
    speaker, told = told_by(text)
    for sentence in _sentences(told.replace(_CURLY, "'")):
        if len(sentence) > SENTENCE_CHARACTERS_MAX or sentence.rstrip().endswith("?"):
            continue
        found = _read(sentence.strip())
        if found is None:
            continue
        yield _by(speaker, found) if found.is_own and speaker is not None else found


def words_of(value: str) -> tuple[str, ...]:
    """Return the words by which values are compared."""
    found = _words(value.casefold())
    return tuple(found[1:] if found and found[0] in _ARTICLES else found)


def subject_key(subject: str) -> str:
    """Return what two ways to write one subject have in common."""
    return " ".join(subject.casefold().removeprefix("the ").split())


def _read(sentence: str) -> Statement | None:
    before = _beginning(sentence)
    begin = before.end() if before else 0
    for pattern in (_attribute, _attribute_of):
        if found := pattern(sentence, begin):
            what = found["what"].casefold().replace("favorite", "favourite")
            return _statement(found, " ".join(what.split()), found["value"])
    if found := _does(sentence, begin):
        return _statement(found, _named(found, _DOING, "d"), found["value"])
    if found := _is(sentence, begin):
        if found["years"]:
            return _statement(found, "age", found["years"])
        return _statement(found, _named(found, _BEING, "b"), found["value"])
    if found := _was_born(sentence, begin):
        return _statement(found, f"was born {found['where']}", found["value"])
    return None


def _named(found: re.Match[str], table: tuple[tuple[str, str, str], ...], prefix: str) -> str:
    return next(
        name for number, (name, _, _) in enumerate(table) if found[f"{prefix}{number}"] is not None
    )


def _statement(found: re.Match[str], relation: str, value: str) -> Statement | None:
    fields = found.groupdict()
    subject = OWN if fields.get("own") else found["who"]
    if subject != OWN and not _may_be_subject(subject.casefold().split()):
        return None
    end = _end(value)
    value = (value[: end.start()] if end else value).strip(_EDGES)
    if not 1 <= len(value.split()) <= VALUE_WORDS_MAX or not words_of(value):
        return None
    is_own = subject == OWN or subject.casefold().startswith(("my ", "our "))
    return Statement(subject, relation, value, bool(found["not"]), is_own)


def _by(speaker: str, found: Statement) -> Statement:
    """Return what somebody says of themselves as it is said of them."""
    subject = speaker
    if found.subject != OWN:
        subject = f"{speaker}'s {found.subject.split(maxsplit=1)[1]}"
    return found._replace(subject=subject, is_own=False)


def _may_be_subject(words: list[str]) -> bool:
    return words[0] not in _NO_SUBJECTS and words != ["the"]
