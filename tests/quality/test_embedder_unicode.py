# ruff: noqa: RUF001  # letters that look alike are what this is about
"""How apart the offline embedder ranks what its uncased English vocabulary cannot tell apart."""

from __future__ import annotations

import numpy as np
import pytest

from engram.adapters.embedders.static import StaticEmbedder

pytestmark = pytest.mark.anyio


async def ranked(cue: str, texts: list[str]) -> list[str]:
    rows = await StaticEmbedder().embed([cue, *texts])
    return [texts[i] for i in np.argsort(-(rows[1:] @ rows[0]), kind="stable")]


CASES = {
    "vietnamese tones": ("má", ["ma", "mà", "mã", "mạ", "má"]),
    "vietnamese in a sentence": (
        "cái bàn",
        ["cải bán ở đây", "cai ban o day", "cái bàn ở đây"],
    ),
    "turkish dotless i": ("ırmak", ["irmak", "ırmak"]),
    "french accent": ("pêche", ["péché", "peche", "pêche"]),
    "spanish tilde": ("año nuevo", ["ano nuevo", "año nuevo"]),
    "german umlaut": ("schön", ["schon", "schön"]),
    "chinese city": ("北京", ["東京", "南京", "京北", "北京"]),
    "chinese in a sentence": ("北京", ["南京的天气很好", "东京的天气很好", "北京的天气很好"]),
    "japanese": ("東京タワー", ["京都のお寺", "大阪城に行った", "東京タワーに登った"]),
    "korean": ("서울", ["부산에서 만났다", "서울에서 만났다"]),
    "russian inflection": ("кошка", ["собака", "книга", "кошки"]),
    "russian short i": ("мой", ["мои", "мой"]),
    "greek": ("θάλασσα", ["βουνό", "η θάλασσα"]),
    "arabic": ("مرحبا", ["شكرا", "مرحبا بك"]),
    "hindi": ("हिन्दी", ["नमस्ते", "हिन्दी भाषा"]),
    "thai": ("สวัสดี", ["ขอบคุณ", "สวัสดีครับ"]),
    "emoji": ("🐶", ["🐱 at home", "🎉 at home", "🐶 at home"]),
    "flags": ("🇫🇷", ["🇩🇪", "🇷🇫", "🇫🇷"]),
}


@pytest.mark.parametrize("case", CASES)
async def test_what_was_asked_for_ranks_first(case: str) -> None:
    cue, texts = CASES[case]
    assert (await ranked(cue, texts))[0] == texts[-1]


async def test_accents_lost_in_writing_still_find_the_word() -> None:
    """The word without its accent comes before other words."""
    assert (await ranked("café", ["house", "coffee table", "cafe"]))[0] == "cafe"


@pytest.mark.parametrize(
    ("one", "other"),
    [("café", "cafe\u0301"), ("ＡＢＣ", "abc"), ("👍🏽", "👍"), ("МОСКВА", "москва")],
)
async def test_spellings_a_reader_takes_for_one_are_one(one: str, other: str) -> None:
    rows = await StaticEmbedder().embed([one, other])
    assert np.array_equal(rows[0], rows[1])


async def test_english_meaning_carries_over_words() -> None:
    texts = ["quarterly tax report", "she plays the violin", "the dog is ill"]
    assert (await ranked("my puppy is sick", texts))[0] == "the dog is ill"
