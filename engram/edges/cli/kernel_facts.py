"""What `engram kernels` tells: which backend, why, and what its arenas and its shadow have seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from engram.kernels._zig_bindings import ABI_VERSION
from engram.kernels.arena import arena_stats
from engram.kernels.selection import make_kernels
from engram.kernels.shadow import ShadowBackend
from engram.kernels.zig_backend import ZigBackend
from engram.kernels.zig_library import library_path
from engram.model.errors import BackendUnavailable

if TYPE_CHECKING:
    from engram.settings import Settings

_KIBIBYTE: Final = 1024
_INDENT: Final = " " * len("backend")  # keeps the columns of two screens in line


def kernels_value(settings: Settings) -> dict[str, Any]:
    """Return which kernels the settings give and why; BackendUnavailable when they are absent."""
    asked = settings.kernels
    levels: tuple[str, ...] = ()
    missing = ""
    try:
        levels = ZigBackend().isa_levels
    except BackendUnavailable as error:
        missing = error.reason
    best = "numpy" if missing else "zig"
    backend = make_kernels(settings, best if asked == "auto" else asked)
    if asked != "auto":
        why = f"ENGRAM_KERNELS={asked} asks for it"
    elif missing:
        why = f"the Zig library cannot be used: {missing}; build it with `make kernels`"
    else:
        why = "the Zig library runs here, and auto prefers it"
    return {
        "name": backend.name,
        "isa": backend.isa,
        "isa_forced": settings.kernels_isa != "auto" and backend.name != "numpy",
        "asked": asked,
        "why": why,
        "auto": best,
        "abi": ABI_VERSION,
        "levels": list(levels),
        "library": str(library_path()),
        "library_runs": not missing,
    }


def numbers_value(settings: Settings) -> dict[str, Any]:
    """Return what arenas and shadow have seen in this process; None for what is not there."""
    arena = shadow = None
    try:
        stats = arena_stats()
        arena = stats._asdict() | {"threads": [thread._asdict() for thread in stats.threads]}
    except BackendUnavailable:
        pass
    backend = make_kernels(settings)
    if isinstance(backend, ShadowBackend):
        shadow = backend.stats()._asdict()
    return {"arena": arena, "shadow": shadow}


def standing(value: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the lines of `kernels_value`."""
    library = "runs here" if value["library_runs"] else "does not run here"
    forced = " (forced by ENGRAM_KERNELS_ISA)" if value["isa_forced"] else ""
    return [
        ("backend", value["name"]),
        ("ISA", f"{value['isa']}{forced}"),
        ("why", value["why"]),
        ("auto", f"would choose {value['auto']}"),
        ("library", f"{value['library']} ({library})"),
        ("ABI", str(value["abi"])),
        ("levels", ", ".join(value["levels"]) or "none without the library"),
    ]


def numbers(value: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the lines of `numbers_value`."""
    return [*_arena_lines(value["arena"]), *_shadow_lines(value["shadow"])]


def _arena_lines(arena: dict[str, Any] | None) -> list[tuple[str, str]]:
    if arena is None:
        return []
    seen = (
        f"{_size(arena['high_water_bytes'])} high-water mark, {arena['takes']:,} takes, "
        f"{arena['overflows']:,} overflows, {_size(arena['fallback_bytes'])} from the heap"
    )
    held = (
        f"{_size(arena['reserved_bytes'])} held, {arena['threads_alive']:,} threads alive, "
        f"{arena['arenas_created']:,} arenas made, {arena['arenas_freed']:,} freed"
    )
    first = f"{_size(arena['size_bytes'])} a thread, overflow: {arena['overflow']}"
    return [("arena", first), (_INDENT, seen), (_INDENT, held)]


def _shadow_lines(shadow: dict[str, Any] | None) -> list[tuple[str, str]]:
    if shadow is None:
        return []
    one_in = shadow["one_in"]
    which = "every call" if one_in == 1 else f"1 call in {one_in:,} of each kernel"
    seen = (
        f"{shadow['calls']:,} calls, {shadow['checked']:,} checked, "
        f"{shadow['differences']:,} differences, {shadow['skipped']:,} skipped, "
        f"{shadow['changed']:,} changed"
    )
    return [("shadow", f"{which} is checked against numpy"), (_INDENT, seen)]


def _size(size: int) -> str:
    """Return bytes in binary units, with one decimal where they are not whole."""
    value, unit = float(size), "B"
    for larger in ("KiB", "MiB", "GiB"):
        if value < _KIBIBYTE:
            break
        value, unit = value / _KIBIBYTE, larger
    return f"{value:,.1f}".removesuffix(".0") + f" {unit}"
