"""The bundled corpus is what its notice says."""

from __future__ import annotations

import hashlib
from importlib.resources import files

from engram.edges.cli.corpus_reader import passages, questions

CORPUS = files("engram.edges.cli") / "corpus"


def test_the_corpus_is_the_file_the_notice_describes() -> None:
    """Count, size and digest in NOTICE.md are those of the file."""
    data = (CORPUS / "annual-messages.ndjson").read_bytes()
    notice = (CORPUS / "NOTICE.md").read_text(encoding="utf-8")
    assert f"`{hashlib.sha256(data).hexdigest()}`" in notice
    assert f"{len(data):,} bytes" in notice
    assert f"{len(passages())} dated passages" in notice


def test_passages_are_whole_short_and_in_the_order_of_their_days() -> None:
    """Each is one to several whole sentences of at most 900 characters."""
    texts = [str(passage["content"]) for passage in passages()]
    assert len(set(texts)) == len(texts)
    assert all(100 <= len(text) <= 900 for text in texts)
    assert all(text.rstrip("\"'”)")[-1] in ".?!" for text in texts)
    days = [passage["occurred_at"] for passage in passages()]
    assert days == sorted(days)


def test_every_question_has_an_answer_that_passes_its_filters() -> None:
    """Some passage of an expected day lies inside the question's own filters."""
    for question in questions():
        assert any(
            passage["occurred_at"].date().isoformat() in question.expected
            and set(question.tags) <= set(passage["tags"])
            and (question.after is None or question.after <= passage["occurred_at"])
            and (question.before is None or passage["occurred_at"] < question.before)
            for passage in passages()
        ), question.text


def test_the_questions_are_of_every_sort() -> None:
    """By words, by meaning, and one each with a time and a tag filter."""
    sorts = [question.by for question in questions()]
    assert len(sorts) == 12
    assert set(sorts) == {"words", "meaning", "time", "tag"}
    assert {q.filter_text for q in questions()} == {"", "1800 to 1829", "tag aviation"}
