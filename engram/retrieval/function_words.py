"""English function words: what a cue says without asking for it.

Texts keep them, so a cue of nothing else ("to be or not to be") still finds its text. The classes
are the closed ones of grammar, without the words that are names as well (Will, May, the US).
"""

from __future__ import annotations

from typing import Final

_ARTICLES: Final = "a an the"
_PRONOUNS: Final = (
    "i me my mine myself you your yours yourself yourselves he him his himself she her hers "
    "herself it its itself we our ours ourselves they them their theirs themselves "
    "this that these those there here"
)
_QUESTION_WORDS: Final = "what which who whom whose when where why how"
_AUXILIARIES: Final = (
    "am is are was were be been being do does did doing done have has had having "
    "can could would shall should must"
)
_PREPOSITIONS: Final = (
    "about after against along among around as at before between by during for from in into of off "
    "on onto out over per since than through to toward towards under until up upon via with within"
)
_CONJUNCTIONS: Final = "and but or nor if because while although though so whether"
_CLITICS: Final = frozenset(("s", "m", "re", "ve", "ll", "d"))

_ENGLISH: Final = frozenset(
    word
    for words in (
        _ARTICLES,
        _PRONOUNS,
        _QUESTION_WORDS,
        _AUXILIARIES,
        _PREPOSITIONS,
        _CONJUNCTIONS,
    )
    for word in words.split()
)


def is_english_function_word(word: str) -> bool:
    """Return whether a folded word only holds an English sentence together ("who's" too)."""
    if word in _ENGLISH:
        return True
    head, apostrophe, tail = word.partition("'")
    if not apostrophe:
        return False
    return (head in _ENGLISH and tail in _CLITICS) or (head.endswith("n") and tail == "t")
