"""Instructions are read from the right profiles, and the probe goes where calls begin."""

from __future__ import annotations

import re

import build_kernels
from benches.regression.counting import counted_in
from benches.regression.probe import marked

PROFILE = """version: 1
pid: 7
part: 1
desc: Trigger: Client Request: top_k_f32.500x384

positions: line
events: Ir
totals: 127803
"""


def test_a_profile_names_its_workload_and_its_instructions() -> None:
    assert counted_in(PROFILE) == ("top_k_f32.500x384", 127_803)


def test_the_last_profile_is_of_no_workload() -> None:
    assert counted_in(PROFILE.replace("Client Request: top_k", "Program termination")) is None


def test_every_exported_function_of_a_family_is_marked() -> None:
    """The first statement of each opens the probe, however its arguments are laid out."""
    for file in sorted((build_kernels.ROOT / build_kernels.SOURCES / "abi").glob("*.zig")):
        text = marked(file.read_text(encoding="utf-8"))
        functions = re.findall(r"^export fn (\w+)", text, re.MULTILINE)
        opened = re.findall(r"\{\n    probe\.enter\(\);\n    defer probe\.leave\(\);", text)
        assert len(opened) == len(functions) > 0, file.name
