"""The terms of a word index: numbers that stay, whether a term is folded, saved or neither."""

from __future__ import annotations

import sys
from threading import Event, Thread

import numpy as np
import pytest

from engram.retrieval import terms as module
from engram.retrieval.terms import Terms

NAMES = [f"w{number}é" for number in range(500)] + ["x", "y:", "z" * 300, "ananas\u6f22"]


@pytest.fixture(autouse=True)
def _few_are_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let 100 terms be enough to fold, in pages of 64."""
    monkeypatch.setattr(module, "FOLD_MIN", 100)
    monkeypatch.setattr(module, "_PAGE_TERMS", 64)


def filled(*, every: int = 7) -> Terms:
    found = Terms()
    for number, name in enumerate(NAMES):
        assert found.add(name) == number
        if number % every == 0:
            found.fold()
    return found


def saved(found: Terms, page: int = 50) -> list[np.ndarray]:
    starts = range(0, len(found), page)
    texts = [found.encoded(first, min(first + page, len(found))) for first in starts]
    return [np.frombuffer(text, np.uint8) for text in texts]


def test_folding_changes_no_number_and_no_name() -> None:
    found = filled()
    assert found._now.folded.count > 100
    assert list(found) == NAMES
    assert [found.get(name) for name in NAMES] == list(range(len(NAMES)))
    assert [found.add(name) for name in NAMES] == list(range(len(NAMES)))


def test_many_are_numbered_as_one_after_the_other() -> None:
    wanted = ["new", NAMES[3], "w0", "new", "newer", NAMES[503], NAMES[499], "z" * 301]
    for found in (Terms(), filled(every=600), filled(every=101)):
        one_by_one = found.copy()
        assert found.add_many(wanted) == [one_by_one.add(term) for term in wanted]
        assert list(found) == list(one_by_one)
        assert found.add_many([]) == []


@pytest.mark.parametrize("absent", ["", "w", "w1", "w500é", "z" * 299, "z" * 301, "y"])
def test_a_term_that_is_not_there_has_no_number(absent: str) -> None:
    assert filled().get(absent) is None


@pytest.mark.parametrize("page", [1, 50, 64, 1_000])
def test_what_is_encoded_loads_as_the_same_terms(page: int) -> None:
    loaded = Terms(saved(filled(), page))
    assert list(loaded) == NAMES
    assert [loaded.get(name) for name in NAMES] == list(range(len(NAMES)))
    assert loaded.add("new") == len(NAMES)


def test_few_saved_terms_are_not_folded() -> None:
    few = Terms()
    for name in NAMES[:99]:
        few.add(name)
    loaded = Terms(saved(few))
    assert loaded._now.folded.count == 0
    assert list(loaded) == NAMES[:99]


def test_any_range_of_terms_is_encoded_alike_wherever_they_are() -> None:
    found = filled(every=101)
    for first, last in ((0, 1), (63, 65), (0, len(NAMES)), (390, 450), (500, 504)):
        assert found.encoded(first, last).decode() == "\n".join(NAMES[first:last])


@pytest.mark.parametrize("numbers", [[3], [0, 64, 200], [502, 503], [5, 502]])
def test_a_blanked_term_is_in_no_byte_and_its_number_is_not_given_again(numbers: list[int]) -> None:
    found = filled(every=101)
    assert found.blank(numbers) == len(numbers)
    assert found.blank(numbers) == 0
    text = found.encoded(0, len(found))
    for number in numbers:
        assert found.get(NAMES[number]) is None
        assert NAMES[number].encode() not in text.split(b"\n")
        assert found.name(number).startswith("\0")
    rest = [number for number in range(len(NAMES)) if number not in numbers]
    assert [found.get(NAMES[number]) for number in rest] == rest
    assert found.add(NAMES[numbers[0]]) == len(NAMES)


def test_a_copy_goes_its_own_way() -> None:
    found = filled()
    twin = found.copy()
    assert twin.add("mine") == len(NAMES)
    twin.blank([1])
    assert (found.get("mine"), found.get(NAMES[1])) == (None, 1)


def test_terms_with_the_same_half_of_a_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_UPPER", 0)
    found = filled()
    assert [found.get(name) for name in NAMES] == list(range(len(NAMES)))
    assert found.get("w1") is None


def test_folded_terms_take_a_fraction_of_what_they_took() -> None:
    fresh = Terms()
    for number in range(10_000):
        fresh.add(f"word{number}")
    before = fresh.resident_bytes
    fresh.fold()
    assert fresh.resident_bytes * 4 < before


def test_a_reader_misses_no_term_while_others_are_folded() -> None:
    found, stop = filled(every=600), Event()
    missed: list[int] = []

    def read() -> None:
        while not stop.is_set():
            missed.extend(n for n in (0, 250, 503) if found.get(NAMES[n]) != n)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    reader = Thread(target=read)
    reader.start()
    try:
        for number in range(2_000):
            found.add(f"more {number}")
            found.fold()
    finally:
        stop.set()
        reader.join()
        sys.setswitchinterval(interval)
    assert missed == []
    assert found.get("more 1999") == len(NAMES) + 1_999
