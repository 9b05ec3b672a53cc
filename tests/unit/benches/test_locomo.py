from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from benches.locomo.__main__ import main
from benches.locomo.embedding import OnceEmbedder
from benches.locomo.loading import load
from benches.locomo.measures import Scores, gain, interval, recall_at
from engram.kernels.arrays import F32

SAMPLE = {
    "sample_id": "one",
    "conversation": {
        "speaker_a": "Ana",
        "speaker_b": "Ben",
        "session_10": [{"speaker": "Ben", "dia_id": "D10:1", "text": "The boat is sold."}],
        "session_10_date_time": "4:04 pm on 20 January, 2023",
        "session_2": [
            {"speaker": "Ana", "dia_id": "D2:01", "text": "Is the house warm?"},
            {"speaker": "Ben", "dia_id": "D2:2", "text": "It is!", "blip_caption": "a stove"},
        ],
        "session_2_date_time": "1:56 pm on 8 May, 2022",
    },
    "qa": [
        {"question": "Is Ben's house warm?", "evidence": ["D2:1; D2:2"], "category": 1},
        {"question": "What did Ben sell?", "evidence": ["D:10:1", "D30:5"], "category": 4},
        {"question": "Who sang?", "evidence": [], "category": 4},
        {"question": "Where is Ana's boat?", "evidence": ["D10:1"], "category": 5},
    ],
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "sample.json"
    path.write_text(json.dumps([SAMPLE, SAMPLE | {"sample_id": "two"}]))
    return path


def test_sessions_come_in_the_order_of_their_numbers(data: Path) -> None:
    conversation = load(data)[0]
    assert [turn.name for turn in conversation.turns] == ["D2:1", "D2:2", "D10:1"]
    assert [turn.session for turn in conversation.turns] == ["session 2"] * 2 + ["session 10"]


def test_a_turn_is_who_said_what_and_showed_what(data: Path) -> None:
    turn = load(data)[0].turns[1]
    assert turn.text == "Ben: It is! [shares a stove]"
    assert turn.said_at is not None
    assert turn.said_at.isoformat() == "2022-05-08T13:56:00+00:00"


def test_evidence_is_read_however_it_is_written(data: Path) -> None:
    assert [question.evidence for question in load(data)[0].questions] == [{0, 1}, {2}, {2}]


def test_recall_is_the_share_of_the_evidence_that_is_found(data: Path) -> None:
    scores = recall_at(load(data)[:1], [[[0, 2], [1, 2], []]], k=2)
    assert scores.values.tolist() == [0.5, 1.0, 0.0]
    assert scores.headline.tolist() == [0.5, 1.0]


def test_a_better_ranking_of_every_question_is_surely_better() -> None:
    kinds, owners = np.ones(50, np.int64), np.zeros(50, np.int64)
    better, worse = (Scores(np.full(50, value), kinds, owners) for value in (0.75, 0.5))
    assert gain(better, worse) == (0.25, 0.25, 0.25)


def test_the_interval_of_a_mean_holds_it_and_is_the_same_again() -> None:
    values = np.random.default_rng(3).random(200)
    found = interval(values)
    assert found.low < found.mean < found.high
    assert found == interval(values)


def test_all_tables_are_printed(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(data), "--ablation", "--leave-one-out"]) == 0
    printed = capsys.readouterr().out
    assert "BM25" in printed
    assert "+ words" in printed
    assert "spreading off and on" in printed
    assert "weights chosen on the other conversations" in printed


def test_leaving_the_only_conversation_out_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text(json.dumps([SAMPLE]))
    with pytest.raises(SystemExit, match="2"):
        main(["--data", str(path), "--leave-one-out"])


class CountingEmbedder:
    """Keeps every text it is asked for; the vector of a text is how long it is."""

    identity = "counting"
    dimensions = 1

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def embed(self, texts: Sequence[str]) -> F32:
        """Return float32[n, 1]."""
        self.texts += texts
        return np.array([[len(text)] for text in texts], np.float32)


@pytest.mark.anyio
async def test_each_text_is_embedded_once() -> None:
    counting = CountingEmbedder()
    once = OnceEmbedder(counting)
    assert (once.identity, once.dimensions) == ("counting", 1)
    await once.embed(["a", "bb"])
    assert (await once.embed(["bb", "ccc", "bb"])).tolist() == [[2], [3], [2]]
    assert counting.texts == ["a", "bb", "ccc"]


SCENES = {
    "data": [
        {
            "title": title,
            "paragraphs": [
                {
                    "utterances:": [
                        {"uid": 4, "speakers": ["Ana", "Ben"], "utterance": "Home !"},
                        {"uid": 5, "speakers": [], "utterance": "They hug ."},
                    ],
                    "qas": [
                        {
                            "question": "Who came home ?",
                            "answers": [{"utterance_id": 4}, {"utterance_id": 4}],
                        }
                    ],
                }
            ],
        }
        for title in ("s02_e01_c01", "s01_e02_c01", "s01_e01_c01")
    ]
}


def test_all_scenes_of_a_season_are_one_conversation(tmp_path: Path) -> None:
    path = tmp_path / "scenes.json"
    path.write_text(json.dumps(SCENES))
    first, second = load(path)
    assert (first.name, second.name) == ("s01", "s02")
    assert [turn.text for turn in second.turns] == ["Ana and Ben: Home !", "They hug ."]
    assert [turn.session for turn in first.turns] == ["s01_e01_c01"] * 2 + ["s01_e02_c01"] * 2
    assert [question.evidence for question in first.questions] == [{0}, {2}]
