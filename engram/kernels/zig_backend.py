"""Every kernel of the Zig library, called through ctypes; the call releases the GIL."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from engram.kernels import _zig_bindings as abi
from engram.kernels.codes.zig_kernels import ZigCodes
from engram.kernels.forgetting.zig_kernels import ZigForgetting
from engram.kernels.fusion.zig_kernels import ZigFusion
from engram.kernels.graph.zig_kernels import ZigGraph
from engram.kernels.nearest.zig_kernels import ZigNearest
from engram.kernels.records.zig_kernels import ZigRecords
from engram.kernels.sketches.zig_kernels import ZigSketches
from engram.kernels.trails.zig_kernels import ZigTrails
from engram.kernels.vectors.zig_kernels import ZigVectors
from engram.kernels.words.zig_kernels import ZigWords
from engram.kernels.zig_library import library_path, load_library
from engram.model.errors import BackendUnavailable

_LEVELS: Final = {
    "baseline": abi.ISA_BASELINE,
    "avx2": abi.ISA_AVX2,
    "avx512": abi.ISA_AVX512,
    "neon": abi.ISA_NEON,
}
_LEVEL_NAMES: Final = {number: name for name, number in _LEVELS.items()}


class ZigBackend(
    ZigCodes,
    ZigForgetting,
    ZigFusion,
    ZigGraph,
    ZigNearest,
    ZigRecords,
    ZigSketches,
    ZigTrails,
    ZigVectors,
    ZigWords,
):
    """Every kernel at the best level this machine has, or the one selected.

    The level belongs to the process, not to the object.

    Raises:
        BackendUnavailable: the library is absent, cannot be loaded or has another ABI version.
    """

    name: Literal["zig"] = "zig"

    def __init__(self, path: Path | None = None) -> None:
        super().__init__(load_library(path or library_path()))

    @property
    def isa(self) -> str:
        """Level in use: `baseline`, `avx2`, `avx512` or `neon`."""
        return _LEVEL_NAMES[self._library.engram_isa_level()]

    @property
    def isa_levels(self) -> tuple[str, ...]:
        """Every level this machine and library can run."""
        supported = self._library.engram_isa_supported
        return tuple(name for name, number in _LEVELS.items() if supported(number))

    def select_isa(self, level: str) -> None:
        """Use another level in the whole process; `auto` goes back to the best there is.

        BackendUnavailable, naming the levels there are, when it is not to be had.
        """
        number = abi.ISA_AUTO if level == "auto" else _LEVELS.get(level)
        if number is None or self._library.engram_select_isa(number) != abi.STATUS_OK:
            raise BackendUnavailable(
                "zig",
                f"this machine has no level {level!r}, only {', '.join(self.isa_levels)}",
                "set ENGRAM_KERNELS_ISA to one of them, or to auto",
            )
