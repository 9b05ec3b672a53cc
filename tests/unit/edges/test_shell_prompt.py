"""What the prompt keeps, and how it colours."""

from __future__ import annotations

from pathlib import Path

from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, InMemoryHistory

from engram.edges.cli.shell.prompt import _HISTORY_BYTES_MAX, _Highlighter, _history_at


def test_a_history_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    """One that others could read is closed to them, and goes on."""
    path = tmp_path / "state" / "history"
    history, note = _history_at(path)
    history.append_string('RECALL "x"\nLIMIT 3')
    assert note == ""
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    history, _ = _history_at(path)
    assert list(history.load_history_strings()) == ['RECALL "x"\nLIMIT 3']
    assert path.stat().st_mode & 0o777 == 0o600


def test_of_a_long_history_the_newer_half_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "history"
    history, _ = _history_at(path)
    statement = "SHOW STATS" + " " * 10_000
    for number in range(_HISTORY_BYTES_MAX // len(statement) + 1):
        history.append_string(f"{statement}{number}")
    newest = list(FileHistory(str(path)).load_history_strings())
    kept = list(_history_at(path)[0].load_history_strings())
    assert path.stat().st_size <= _HISTORY_BYTES_MAX // 2
    assert len(newest) // 2 - 2 <= len(kept) <= len(newest) // 2
    assert kept == newest[: len(kept)]


def test_a_history_that_cannot_be_kept_is_said_and_does_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    history, note = _history_at(tmp_path / "file" / "history")
    assert isinstance(history, InMemoryHistory)
    assert note.startswith(f"The history cannot be kept in {tmp_path / 'file' / 'history'}: ")


def test_no_history_is_kept_when_none_is_asked_for() -> None:
    assert _history_at(None)[1] == ""


def coloured(text: str) -> list[list[tuple[str, str]]]:
    """Return the lines of a text as pieces with their styles."""
    document = Document(text)
    line = _Highlighter().lex_document(document)
    return [[(each[0], each[1]) for each in line(number)] for number in range(document.line_count)]


def test_pieces_are_coloured_by_what_they_are() -> None:
    found = coloured("\\explain RECALL $cue\n LIMIT 3; §")
    assert found[0] == [
        ("class:order", "\\explain"),
        ("", " "),
        ("class:keyword", "RECALL"),
        ("", " "),
        ("class:parameter", "$cue"),
    ]
    assert [piece for piece in found[1] if piece[0]] == [
        ("class:keyword", "LIMIT"),
        ("class:number", "3"),
        ("class:mark", ";"),
        ("class:strange", "§"),
    ]


def test_no_character_is_lost_by_colours() -> None:
    text = 'RECALL "a\n\nb" WHERE tag HAS \'x\\\'\n;; $ "open\n\n'
    assert "\n".join("".join(piece for _, piece in line) for line in coloured(text)) == text
