"""Every bad input: one sentence that names the remedy, the right exit code, no traceback."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

import google_crc32c
import pytest

from engram.adapters.local.filesystem import LocalFilesystem
from engram.testing.filesystem import SimulatedFilesystem

if TYPE_CHECKING:
    from tests.edges.conftest import CommandLine

UNKNOWN_ID = "0190a6b4-5c1e-7d3a-9f00-0123456789ab"
FAILED = 1
USAGE = 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("remember", ""), "INVALID_REQUEST: content is empty and there is no embedding"),
        (("remember", "x", "--confidence", "1.5"), "INVALID_REQUEST: confidence 1.5 is not"),
        (("remember", "x", "--confidence", "nan"), "INVALID_REQUEST: confidence nan is not"),
        (("remember", "x", "--kind", "odd"), "INVALID_REQUEST: kind 'odd' is not one of"),
        (("remember", "a\udcffb"), "INVALID_REQUEST: content holds a lone surrogate"),
        (("remember", "x", "--metadata", "{"), "INVALID_REQUEST: --metadata is not JSON"),
        (("remember", "x", "--space", "Bad Id"), "INVALID_REQUEST: memory space id 'Bad Id'"),
        (("recall", " "), "INVALID_REQUEST: recall needs a cue"),
        (("recognize", " "), "INVALID_REQUEST: recognize needs a cue"),
        (("search", ""), "INVALID_REQUEST: search needs words to look for; name at least one"),
        (("recall", "x", "--limit", "0"), "INVALID_REQUEST: limit 0 is "),
        (("recall", "x", "--space", "nowhere"), "NOT_FOUND: there is no memory space 'nowhere'"),
        (("list", "--cursor", "zz"), "INVALID_REQUEST: cursor 'zz' is not one"),
        (("get", UNKNOWN_ID), "NOT_FOUND: memory space 'default' holds no memory"),
        (("get", "x"), "INVALID_REQUEST: memory id 'x' is not a UUID"),
        (("forget", UNKNOWN_ID), "NOT_FOUND: memory space 'default' holds no memory"),
        (("space", "create", "default"), "CONFLICT: memory space 'default' exists already"),
        (("space", "create", "../up"), "INVALID_REQUEST: memory space id '../up' breaks"),
        (("space", "delete", "default", "--yes"), "INVALID_REQUEST: memory space 'default'"),
        (("space", "delete", "nowhere", "--yes"), "NOT_FOUND: there is no memory space"),
    ],
)
def test_a_request_that_cannot_be_met_exits_1_with_one_sentence(
    cli: CommandLine, arguments: tuple[str, ...], sentence: str
) -> None:
    """Code first, then what is wrong; the same in JSON on standard output with --json."""
    cli("remember", "so that there is a default space")
    answer = cli(*arguments)
    assert (answer.code, answer.out) == (FAILED, "")
    assert answer.err.startswith(sentence)
    assert answer.err.count("\n") == 1
    error = cli(*arguments, "--json").json["error"]
    assert f"{error['code']}: {error['message']}".startswith(sentence)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("recal", "x"), 'USAGE: Unknown command "recal". Did you mean "recall"?'),
        (("recall",), 'USAGE: Command "recall" parameter CUE requires an argument'),
        (("recall", "x", "--bogus", "1"), "USAGE: Unknown option: --bogus"),
        (("recall", "x", "--limit", "many"), "USAGE: Invalid value for --limit"),
        (("remember", "x", "--time", "soon"), "USAGE: Invalid value for --time: 'soon' is not"),
    ],
)
def test_a_command_line_that_is_not_understood_exits_2(
    cli: CommandLine, arguments: tuple[str, ...], sentence: str
) -> None:
    """The sentence ends with where help is."""
    answer = cli(*arguments, elsewhere=True)
    assert (answer.code, answer.out) == (USAGE, "")
    assert answer.err.startswith(sentence)
    assert answer.err.rstrip().endswith("--help`")
    assert cli(*arguments, "--json", elsewhere=True).json["error"]["code"] == "USAGE"


def test_a_list_of_commands_that_is_cut_short_says_so(cli: CommandLine) -> None:
    assert ", ...; see `engram --help`" in cli("frobnicate", elsewhere=True).err


def test_101_kilobytes_of_text_are_refused_with_the_limit(
    cli: CommandLine, stdin: Callable[[bytes], None]
) -> None:
    """The message says how long the text is and what to do."""
    stdin(b"a" * 101 * 1024)
    answer = cli("remember", "-")
    assert answer.code == FAILED
    assert "103,424 bytes" in answer.err
    assert "split it into several memories" in answer.err


def test_standard_input_that_is_no_text_is_refused(
    cli: CommandLine, stdin: Callable[[bytes], None]
) -> None:
    """The message says where the first wrong byte is."""
    stdin(b"ab\xff")
    answer = cli("remember", "-")
    assert answer.code == FAILED
    assert "not UTF-8 (byte 2)" in answer.err


def test_a_store_of_a_newer_format_is_left_alone(cli: CommandLine) -> None:
    """The remedy is to upgrade, and the bytes stay as they are."""
    cli("remember", "x")
    marker = cli.path / "STORE"
    data = marker.read_bytes()
    header = data[:8] + struct.pack("<I", 99) + data[12:28]
    newer = header + struct.pack("<I", google_crc32c.value(header))
    marker.write_bytes(newer)
    answer = cli("recall", "x")
    assert answer.code == FAILED
    assert answer.err.startswith("UNSUPPORTED: ")
    assert "pip install --upgrade engram-memory-engine" in answer.err
    assert marker.read_bytes() == newer


def test_a_store_another_process_holds_is_refused(cli: CommandLine) -> None:
    """The sentence says that one process at a time may open a store."""
    cli("remember", "x")
    lock = LocalFilesystem(cli.path).lock("STORE")
    try:
        answer = cli("recall", "x")
    finally:
        lock.close()
    assert answer.code == FAILED
    assert answer.err.startswith("CONFLICT: ")
    assert "one process per store" in answer.err


def test_a_directory_nobody_may_write_to_is_refused(cli: CommandLine) -> None:
    """Not even root can make a directory in sysfs."""
    answer = cli("remember", "x", "--data", "/sys/engram", elsewhere=True)
    assert answer.code == FAILED
    assert answer.err.startswith("DATA_LOSS: cannot lock /sys/engram/STORE: ")


def test_a_full_disk_fails_the_write_and_keeps_what_was_acknowledged(cli: CommandLine) -> None:
    """After space was freed the same store opens with the memory from before."""
    disk = SimulatedFilesystem()
    cli.open_with(filesystem=disk)
    assert cli("remember", "before the disk was full").code == 0
    disk.plan = lambda _number, operation: "ENOSPC" if operation.startswith("write") else None
    full = cli("remember", "after")
    assert full.code == FAILED
    assert full.err.startswith("DATA_LOSS: ")
    assert "No space left on device" in full.err
    disk.plan = None
    disk.crash(keep_all=True)
    memories = cli("list", "--json").json["memories"]
    assert [memory["content"] for memory in memories] == ["before the disk was full"]


def test_an_unknown_kernel_backend_is_refused_with_the_choices(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ENGRAM_KERNELS is read by every command that needs kernels."""
    monkeypatch.setenv("ENGRAM_KERNELS", "fortran")
    answer = cli("kernels")
    assert answer.code == FAILED
    assert "auto, zig, numpy" in answer.err


def test_deleting_where_nobody_can_be_asked_needs_yes(
    cli: CommandLine, stdin: Callable[[bytes], None]
) -> None:
    """A script has to say --yes; nothing is deleted without."""
    cli("space", "create", "trips")
    stdin(b"")
    answer = cli("space", "delete", "trips")
    assert answer.code == FAILED
    assert "--yes" in answer.err
    assert len(cli("space", "list", "--json").json) == 2
