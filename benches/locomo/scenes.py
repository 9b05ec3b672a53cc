"""Scenes with questions and their answers, as FriendsQA's files have them: a second kind of talk.

Yang and Choi, "FriendsQA: Open-Domain Question Answering on TV Show Transcripts", 2019; licensed
Apache 2.0. All scenes of a season are one conversation, a scene is a session, and evidence are the
utterances that hold an answer. Several people take part, and scenes have no date.
"""

from __future__ import annotations

import itertools
from typing import Any, Final

from benches.locomo.conversations import Conversation, Question, Turn

_SINGLE_HOP: Final = 4

_UTTERANCES: Final = "utterances:"
"""The key as the files write it."""


def conversations_of(scenes: list[dict[str, Any]]) -> list[Conversation]:
    """Return a conversation a season, its scenes in order."""
    ordered = sorted(scenes, key=_title)
    return [
        _conversation(season, list(shown))
        for season, shown in itertools.groupby(ordered, lambda scene: _title(scene)[:3])
    ]


def _title(scene: dict[str, Any]) -> str:
    return str(scene["title"])  # s01_e23_c06: season, episode, scene


def _conversation(season: str, scenes: list[dict[str, Any]]) -> Conversation:
    turns: list[Turn] = []
    questions: list[Question] = []
    for scene in scenes:
        title = _title(scene)
        for part in scene["paragraphs"]:
            places = {}
            for said in part[_UTTERANCES]:
                places[said["uid"]] = len(turns)
                speakers = " and ".join(said["speakers"])
                text = f"{speakers}: {said['utterance']}" if speakers else said["utterance"]
                turns.append(Turn(f"{title} {said['uid']}", title, None, text))
            for asked in part["qas"]:
                evidence = {places[answer["utterance_id"]] for answer in asked["answers"]}
                questions.append(Question(asked["question"], frozenset(evidence), _SINGLE_HOP))
    return Conversation(season, turns, questions)
