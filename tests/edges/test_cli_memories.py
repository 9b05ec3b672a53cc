"""remember, recall, get, list and forget, as a person and as a program call them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.edges.conftest import CommandLine


def test_what_was_remembered_is_recalled_by_the_next_process_run(cli: CommandLine) -> None:
    """Each command opens and closes the store; nothing but the disk carries the memory over."""
    remembered = cli("remember", "Ada Lovelace met Charles Babbage", "--time", "1833-06-05")
    assert remembered.code == 0
    assert remembered.out.startswith("Remembered: ")
    recalled = cli("recall", "who met Babbage?", "--explain")
    assert recalled.code == 0
    assert "Ada Lovelace met Charles Babbage" in recalled.out
    assert "1833-06-05" in recalled.out
    assert "shares the words" in recalled.out


def test_every_field_of_a_memory_survives_the_command_line(cli: CommandLine) -> None:
    """What remember is given, get gives back."""
    made = cli(
        "remember", "the kettle is blue", "--tag", "kitchen", "--tag", "colour", "--confidence",
        "0.5", "--kind", "semantic", "--source", "eyes", "--session", "monday", "--metadata",
        '{"page": 3}', "--time", "2026-03-14T15:09+01:00", "--space", "home", "--json",
    )  # fmt: skip
    assert made.json["created"] is True
    memory = cli("get", made.json["id"], "--space", "home", "--json").json
    assert memory["content"] == "the kettle is blue"
    assert sorted(memory["tags"]) == ["colour", "kitchen"]
    assert memory["occurred_at"] == "2026-03-14T14:09:00+00:00"
    assert (memory["confidence"], memory["kind"]) == (0.5, "semantic")
    assert (memory["source"], memory["session"]) == ("eyes", "monday")
    assert memory["metadata"] == {"page": 3}


def test_get_shows_a_person_the_text_and_the_fields(cli: CommandLine) -> None:
    """Without --json the text comes first and empty fields are left out."""
    made = cli("remember", "the kettle is blue", "--tag", "kitchen", "--json").json
    shown = cli("get", made["id"]).out
    assert shown.startswith("the kettle is blue\n")
    assert "kitchen" in shown
    assert "metadata" not in shown


def test_the_same_text_at_the_same_time_is_one_memory(cli: CommandLine) -> None:
    """The second remember says that it has seen the text before."""
    words = ("remember", "the kettle is blue", "--time", "2026-03-14")
    first, second = cli(*words, "--json").json, cli(*words)
    assert second.out == f"Seen again: {first['id']} (space default)\n"
    assert cli("list", "--json").json["total"] == 1


def test_a_hyphen_reads_the_text_from_standard_input(
    cli: CommandLine, stdin: Callable[[bytes], None]
) -> None:
    """The line feed at the end is not part of the text."""
    stdin("zwei Zeilen:\nmá, mà\n".encode())
    made = cli("remember", "-", "--json").json
    assert cli("get", made["id"], "--json").json["content"] == "zwei Zeilen:\nmá, mà"


def test_recall_honours_every_filter(cli: CommandLine) -> None:
    """Each filter alone keeps the one memory it is about."""
    cli("remember", "apples in spring", "--tag", "a", "--time", "2020-01-01", "--source", "s")
    cli("remember", "apples in autumn", "--tag", "b", "--time", "2021-01-01", "--session", "t")
    cli("remember", "apples in winter", "--tag", "b", "--tag", "c", "--confidence", "0.2")
    for filters, kept in (
        (("--tag", "a"), {"spring"}),
        (("--tag", "b", "--tag", "c"), {"winter"}),
        (("--any-tag", "a", "--any-tag", "c"), {"spring", "winter"}),
        (("--no-tag", "b"), {"spring"}),
        (("--source", "s"), {"spring"}),
        (("--session", "t"), {"autumn"}),
        (("--before", "2020-06-01"), {"spring"}),
        (("--after", "2020-06-01", "--before", "2022-01-01"), {"autumn"}),
        (("--min-confidence", "0.5"), {"spring", "autumn"}),
        (("--kind", "semantic"), set()),
    ):
        found = cli("recall", "apples", *filters, "--json").json["recollections"]
        assert {hit["memory"]["content"].split()[-1] for hit in found} == kept, filters


def test_recall_gives_machines_the_score_its_parts_and_the_stages(cli: CommandLine) -> None:
    """--explain adds the sentence and the shared words."""
    cli("remember", "the kettle is blue")
    plain = cli("recall", "kettle", "--json").json
    hit = plain["recollections"][0]
    kept = {"score", "relevance", "parts", "group", "confidence", "confidence_interval", "path"}
    kept |= {"meaning", "words", "lead", "rank"}
    assert set(hit) == kept | {"cites", "memory"}
    assert set(hit["parts"]) == {
        "similarity",
        "lexical",
        "speaker",
        "time",
        "activation",
        "retrievability",
        "confidence",
    }
    assert plain["timings_us"]["total"] > 0
    explained = cli("recall", "kettle", "--explain", "--json").json["recollections"][0]
    assert explained["matched_terms"] == ["kettle"]
    assert "kettle" in explained["explanation"]


def test_recall_says_why_it_found_nothing(cli: CommandLine) -> None:
    """An empty answer is an answer: exit 0, and the reason."""
    cli("remember", "the kettle is blue")
    answer = cli("recall", "kettle", "--tag", "nowhere")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == "Nothing recalled from default: the filters removed all 1 memories.\n"


def test_list_pages_through_everything_once(cli: CommandLine) -> None:
    """Following the cursor meets each memory once, in the order they were recorded."""
    for number in range(5):
        cli("remember", f"memory {number}")
    seen: list[str] = []
    cursor: tuple[str, ...] = ()
    while True:
        page = cli("list", "--limit", "2", "--json", *cursor).json
        assert page["total"] == 5
        seen += [memory["content"] for memory in page["memories"]]
        if page["cursor"] is None:
            break
        cursor = ("--cursor", page["cursor"])
    assert seen == [f"memory {number}" for number in range(5)]


def test_list_tells_a_person_how_to_see_the_next_page(cli: CommandLine) -> None:
    """The cursor is printed where there is more."""
    for number in range(3):
        cli("remember", f"memory {number}", "--tag", "few")
    shown = cli("list", "--limit", "2").out
    assert "#few" in shown
    assert "2 of 3 memories; the next page: --cursor " in shown
    cursor = shown.rsplit("--cursor ", 1)[1].strip()
    assert "1 of 3 memories\n" in cli("list", "--limit", "2", "--cursor", cursor).out


@pytest.mark.parametrize(("columns", "shown"), [("80", 2), ("130", 1)])
def test_tables_show_the_whole_time_of_a_memory(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, columns: str, shown: int
) -> None:
    """On a narrow screen its minute is below its day."""
    monkeypatch.setenv("COLUMNS", columns)
    cli("remember", "the kettle is blue", "--time", "2026-03-14T15:09Z")
    for command in (("list",), ("recall", "kettle")):
        told = cli(*command).out.splitlines()
        lines = [line for line in told if "2026-" in line or "15:" in line]
        assert len(lines) == shown
        assert "2026-03-14" in lines[0]
        assert "15:09" in lines[-1]


def test_a_forgotten_memory_is_gone_from_every_answer(cli: CommandLine) -> None:
    """recall, list and get agree."""
    made = cli("remember", "the kettle is blue", "--json").json
    assert cli("forget", made["id"]).out == f"Forgotten: {made['id']}\n"
    assert cli("recall", "kettle", "--json").json["recollections"] == []
    assert cli("list", "--json").json["total"] == 0
    assert cli("get", made["id"]).code == 1


def test_erasing_prints_a_receipt_and_leaves_no_byte(cli: CommandLine) -> None:
    """Several ids at once; the text is in no file of the store afterwards."""
    ids = [cli("remember", f"the kettle is zanzi{n}", "--json").json["id"] for n in range(3)]
    shown = cli("forget", *ids[:2], "--erase")
    assert shown.code == 0
    assert shown.out.startswith(f"Erased: {ids[0]}\nErased: {ids[1]}\nRecorded at ")
    files = b"".join(path.read_bytes() for path in cli.path.rglob("*") if path.is_file())
    assert [f"zanzi{n}".encode() in files for n in range(3)] == [False, False, True]
    receipt = cli("forget", ids[0], "--erase", "--json").json
    assert (receipt["ids"], receipt["mode"], receipt["lsn"]) == ([ids[0]], "erase", 4)
    assert receipt["archives"] == []


def test_the_environment_names_the_space_and_the_store(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Options win over ENGRAM_MEMORY_SPACE and ENGRAM_DATA_ROOT."""
    monkeypatch.setenv("ENGRAM_MEMORY_SPACE", "from-environment")
    monkeypatch.setenv("ENGRAM_DATA_ROOT", str(cli.path))
    assert cli("remember", "a", "--json", elsewhere=True).json["space"] == "from-environment"
    other = cli("remember", "b", "--json", "--space", "from-option", elsewhere=True).json
    assert other["space"] == "from-option"
    names = [space["id"] for space in cli("space", "list", "--json").json]
    assert names == ["default", "from-environment", "from-option"]


def test_texts_in_every_script_come_back_as_they_were(cli: CommandLine) -> None:
    """CJK, emoji and combining marks pass through tables and JSON."""
    for text in ("北京市的秋天", "👩‍👧 at the lake", "ma má mà", "tab\tand [bold]markup[/bold]"):
        made = cli("remember", text, "--json").json
        assert cli("get", made["id"], "--json").json["content"] == text
    shown = cli("list").out
    assert "北京市的秋天" in shown
    assert "[bold]markup[/bold]" in shown


def test_an_answer_about_an_earlier_time_shows_what_was_forgotten_since(cli: CommandLine) -> None:
    """recall, list and get answer as the space would have answered then."""
    made = cli("remember", "the old plan", "--json").json
    then = cli("get", made["id"], "--json").json["recorded_at"]
    cli("forget", made["id"])
    assert cli("list", "--json").json["total"] == 0
    (listed,) = cli("list", "--as-of", then, "--json").json["memories"]
    assert listed["id"] == made["id"]
    assert listed["ended_at"] > then
    shown = cli("get", made["id"], "--as-of", then, "--json").json
    assert shown | {"retrievability": 0} == listed | {"retrievability": 0}
    (hit,) = cli("recall", "plan", "--as-of", then, "--json").json["recollections"]
    assert hit["memory"]["id"] == made["id"]
    assert cli("get", made["id"]).code == 1


def test_a_time_the_space_cannot_answer_about_is_refused(cli: CommandLine) -> None:
    """The error says how far back an answer can reach."""
    cli("remember", "the plan")
    refused = cli("list", "--as-of", "1999-12-31")
    assert refused.code == 1
    assert "history_retention is 7 days" in refused.err


def test_particulars_survive_the_command_line_and_filter(cli: CommandLine) -> None:
    """What few memories have is given by options, shown by get, and filtered by."""
    made = cli(
        "remember", "tea with Ada", "--entity", "Ada", "--entity", "tea", "--priority", "8",
        "--expires", "2200-01-01", "--who", "Ada", "--where", "London", "--confidence", "high",
        "--confidence-reason", "I was there", "--fact-key", "ada.drink", "--fact-value", "tea",
        "--json",
    )  # fmt: skip
    memory = cli("get", made.json["id"], "--json").json
    assert (memory["entities"], memory["priority"]) == (["Ada", "tea"], 8)
    assert memory["expires_at"] == "2200-01-01T00:00:00+00:00"
    assert memory["episode"] == {"where": "London", "who": ["Ada"]}
    assert (memory["confidence"], memory["confidence_category"]) == (0.8, "high")
    assert (memory["fact_key"], memory["fact_value"]) == ("ada.drink", "tea")
    shown = cli("get", made.json["id"]).out
    assert "I was there" in shown
    assert "London" in shown
    cli("remember", "nothing else")
    for filters, total in (
        (("--entity", "Ada"), 1),
        (("--no-entity", "Ada"), 1),
        (("--any-entity", "Bo"), 0),
        (("--min-priority", "6"), 1),
        (("--max-priority", "6"), 1),
        (("--include-expired",), 2),
    ):
        assert cli("list", *filters, "--json").json["total"] == total, filters


def test_having_filters_by_metadata(cli: CommandLine) -> None:
    """Conditions are JSON, and what is not JSON is named."""
    for n in (1, 2):
        cli("remember", f"page {n}", "--metadata", f'{{"book": {{"page": {n}}}}}')
    found = cli("list", "--having", '{"book.page": {"gt": 1}}', "--json").json
    assert [memory["content"] for memory in found["memories"]] == ["page 2"]
    assert "--having is not JSON" in cli("list", "--having", "page").err


def test_a_recall_is_drawn_into_a_file(cli: CommandLine, tmp_path: Path) -> None:
    """As a picture or as a page; by its name."""
    cli("remember", "Ada met Babbage", "--session", "s")
    cli("remember", "They spoke of engines", "--session", "s")
    page, picture = tmp_path / "seen.html", tmp_path / "seen.svg"
    shown = cli("recall", "Babbage", "--graph", str(page))
    assert shown.out.endswith(f"Picture: {page}\n")
    assert cli("recall", "Babbage", "--graph", str(picture), "--json").json["recollections"]
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert "They spoke of engines" in picture.read_text("utf-8")


def test_a_picture_that_cannot_be_kept_is_refused(cli: CommandLine, tmp_path: Path) -> None:
    """With what is wrong about its name or place."""
    wrong = cli("recall", "Ada", "--graph", str(tmp_path / "seen.png"))
    assert (wrong.code, "ends neither with .html nor with .svg" in wrong.err) == (1, True)
    nowhere = cli("recall", "Ada", "--graph", str(tmp_path / "none" / "seen.svg"))
    assert (nowhere.code, "cannot write" in nowhere.err) == (1, True)
