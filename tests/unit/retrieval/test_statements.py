"""Simple sentences are read for what they say of whom; others say nothing."""

from __future__ import annotations

import pytest

from engram.retrieval.statements import statements, subject_key, words_of

SAID = {
    "Ada lives in Paris.": ("Ada", "lives in", "Paris"),
    "Ada Lovelace now resides in Paris, France": ("Ada Lovelace", "lives in", "Paris"),
    "Well, I live in Berlin now, and love it!": ("I", "lives in", "Berlin"),
    "I'm from Texas": ("I", "comes from", "Texas"),
    "I\N{RIGHT SINGLE QUOTATION MARK}m 30 years old.": ("I", "age", "30"),
    "Ada works for the Royal Society as a clerk": ("Ada", "works at", "the Royal Society"),
    "Ada works as a clerk": ("Ada", "works as", "a clerk"),
    "Bob is married to Eve": ("Bob", "is married to", "Eve"),
    "My favorite  food is pasta": ("I", "favourite food", "pasta"),
    "Ada's favourite colour is dark blue": ("Ada", "favourite colour", "dark blue"),
    "The capital of Australia is Canberra": ("Australia", "capital", "Canberra"),
    "My sister's name is Ada": ("My sister", "name", "Ada"),
    "The weekly meeting is on Tuesday at noon": ("The weekly meeting", "is on", "Tuesday at noon"),
    "The red car costs $5,000": ("The red car", "costs", "$5,000"),
    "Ada was born in London in 1815": ("Ada", "was born in", "London in 1815"),
    "Ada is in love": ("Ada", "is", "in love"),
    "O'Brien lives at 5 Main Street": ("O'Brien", "lives in", "5 Main Street"),
    "Ana: I live in Rome": ("Ana", "lives in", "Rome"),
    "Ana: my sister lives in Rome": ("Ana's sister", "lives in", "Rome"),
}


@pytest.mark.parametrize("text", SAID)
def test_a_simple_sentence_is_read(text: str) -> None:
    (found,) = statements(text)
    assert found[:3] == SAID[text]
    assert not found.is_denied


@pytest.mark.parametrize(
    "text",
    [
        "I don't live in Paris",
        "Ada does not live in Paris",
        "Ada no longer lives in Paris",
        "Ada isn't happy",
        "My name is not Bob",
        "Ada was not born in Rome",
    ],
)
def test_a_denial_is_read_as_one(text: str) -> None:
    (found,) = statements(text)
    assert found.is_denied


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Paris.",
        "Does Ada live in Paris?",
        "He lives in Rome",
        "If Ada lives in Rome, she knows it",
        "Ada lived in Rome",
        "Ada lives in a small house",
        "Ada works at night",
        "Ada lives with Bob in Rome",
        "This is Ada's car",
        "Nor is it denied",
        "Ada is " + "very " * 6 + "tired",
        "Ada lives in Paris" + " and so on" * 30,
    ],
)
def test_what_is_no_simple_sentence_says_nothing(text: str) -> None:
    assert list(statements(text)) == []


def test_each_sentence_says_something_of_its_own() -> None:
    found = statements("Ada lives in Paris. Bob lives in Rome; Eve lives in Oslo\nI live in Bonn")
    assert [(each.subject, each.value) for each in found] == [
        ("Ada", "Paris"), ("Bob", "Rome"), ("Eve", "Oslo"), ("I", "Bonn"),
    ]  # fmt: skip


def test_only_what_is_said_of_a_speaker_without_a_name_is_their_own() -> None:
    own = {text: [each.is_own for each in statements(text)] for text in SAID}
    assert {text for text, found in own.items() if found == [True]} == {
        text for text in SAID if text.split()[0].rstrip(",") in ("Well", "I'm", "My")
    } | {"I\N{RIGHT SINGLE QUOTATION MARK}m 30 years old."}


def test_ways_to_write_a_value_or_a_subject_are_one() -> None:
    assert words_of("The Royal Society") == words_of("royal society") == ("royal", "society")
    assert words_of("$5,000.") == ("$5", "000")
    assert subject_key("The  Meeting") == subject_key("meeting") == "meeting"
