"""Threads that decode a new type at once find it whole."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Types are made anew for each round, since one is worked out once in a process.
RACE = """
import sys, threading
import msgspec
from engram.model.decoders import json_decoder, msgpack_decoder

def round_():
    inner = msgspec.defstruct("Inner", [("number", int), ("text", str)])
    outer = msgspec.defstruct("Outer", [(f"field{at}", list[inner]) for at in range(6)])
    data = msgspec.FORMAT.encode(outer(*[[inner(1, "b")]] * 6))
    start = threading.Barrier(4)

    def decode():
        start.wait()
        assert FORMAT_decoder(outer).decode(data).field5[0].text == "b"

    threads = [threading.Thread(target=decode) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

sys.setswitchinterval(1e-6)
for _ in range(300):
    round_()
"""


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_threads_may_decode_a_new_type_at_once(encoding: str) -> None:
    """Msgspec's own `decode(data, type=...)` ends this by a segmentation fault."""
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", RACE.replace("FORMAT", encoding)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
