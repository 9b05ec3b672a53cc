"""Arguments that are passed in one block are laid out as the Zig declaration says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import build_kernels

if TYPE_CHECKING:
    from pathlib import Path


def _bindings(root: Path, field_type: str) -> str:
    source = root / "zig" / "src"
    source.joinpath("abi").mkdir(parents=True)
    source.joinpath("status.zig").write_text("pub const ok: i32 = 0;\n", encoding="utf-8")
    source.joinpath("abi.zig").write_text(
        "pub const TopCall = extern struct {\n"
        "    query: ?[*]const f32,\n"
        f"    count: {field_type},\n"
        "};\n"
        "export fn engram_top(call: ?*const TopCall) i32 {\n    return 0;\n}\n",
        encoding="utf-8",
    )
    return build_kernels.bindings(root)


def test_pointers_and_numbers_become_a_struct_of_the_same_layout(tmp_path: Path) -> None:
    """A block of a pointer and a usize is packed as a native pointer and size."""
    assert 'TOP_CALL = Struct("@PN")' in _bindings(tmp_path, "usize").splitlines()


def test_a_field_no_format_is_known_for_is_refused(tmp_path: Path) -> None:
    """A type that `struct` cannot pack fails the build and is named."""
    with pytest.raises(build_kernels.KernelBuildError, match="u128"):
        _bindings(tmp_path, "u128")
