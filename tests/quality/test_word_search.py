"""How well words find, on a small made-up diary."""

from __future__ import annotations

import pytest

from engram.kernels.numpy_backend import NumpyBackend
from engram.retrieval.lexical import WordIndex

DIARY = [
    "Maya: I finally adopted a puppy from the shelter, we named him Biscuit.",
    "Tom: Congratulations! I was thinking about what to do with my old camera.",
    "Maya: You could photograph the lighthouse near your grandmother's house.",
    "Tom: I did that in 2019, when I was on holiday with her and it rained for a week.",
    "Maya: Last Tuesday I ran my first half marathon, 21.1 km in two hours.",
    "Tom: What did you do when you were done? I would have been in bed for a week.",
    "Maya: Ate noodles with Will at the night market, then slept.",
    "Tom: My sister is moving to Đà Nẵng, she starts teaching there in May.",
    "Maya: Tôi nhớ mẹ, and má tôi still calls me every Sunday.",
    "Tom: 昨日は東京都美術館に行きました。",
    "Maya: 🎉 The grant was approved: 12,000 for the school garden!",
]
KERNELS = NumpyBackend()
QUESTIONS = [
    ("What is the name of the puppy that Maya has adopted?", 0),
    ("Which lighthouse did they want to take photographs of?", 2),
    ("When did it rain on the holidays?", 3),
    ("How many km were the marathons?", 4),
    ("Who was with Will?", 6),
    ("Where is the sister going to be a teacher from May on?", 7),
    ("má", 8),
    ("美術館", 9),
    ("京", 9),
    ("🎉", 10),
    ("What was the grant of 12000 for?", 10),
]


@pytest.mark.parametrize(("question", "answer"), QUESTIONS)
def test_question_finds_its_answer_first(question: str, answer: int) -> None:
    """Words alone put the entry that answers first, though questions are full of small words."""
    index = WordIndex()
    index.add(0, DIARY)
    view = index.snapshot()
    _, rows = view.top_k(KERNELS, view.asked(question), 3)
    assert rows[0] == answer


def test_cue_with_other_diacritics_finds_nothing_here() -> None:
    """Má is in the diary; mà, another word, is not."""
    index = WordIndex()
    index.add(0, DIARY)
    view = index.snapshot()
    assert view.top_k(KERNELS, view.asked("mà"), 3)[1].size == 0
