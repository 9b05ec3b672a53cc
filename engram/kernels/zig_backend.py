"""Kernels from the Zig library, called through ctypes; the call releases the GIL."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from engram.kernels import _zig_bindings as abi
from engram.kernels.arguments import check_rows, check_top_k
from engram.model.errors import BackendUnavailable, check

if TYPE_CHECKING:
    from collections.abc import Callable

    from engram.kernels.protocol import F32, U8, U32

_FLOAT32: Final = np.dtype(np.float32)
_UINT32: Final = np.dtype(np.uint32)
_LIBRARY_NAMES: Final = {"win32": "engram_kernels.dll", "darwin": "libengram_kernels.dylib"}
_LEVELS: Final = {
    "baseline": abi.ISA_BASELINE,
    "avx2": abi.ISA_AVX2,
    "avx512": abi.ISA_AVX512,
    "neon": abi.ISA_NEON,
}
_LEVEL_NAMES: Final = {number: name for name, number in _LEVELS.items()}


def library_path() -> Path:
    """Return where the library of this platform is looked for."""
    name = _LIBRARY_NAMES.get(sys.platform, "libengram_kernels.so")
    return Path(__file__).with_name(name)


class ZigBackend:
    """The vector kernels at the best level this machine has, or the one selected.

    The level belongs to the process, not to the object.

    Raises:
        BackendUnavailable: the library is absent, cannot be loaded or has another ABI version.
    """

    name: Literal["zig"] = "zig"

    def __init__(self, path: Path | None = None) -> None:
        self._library = _load(path or library_path())
        self._top_k = self._library.engram_top_k_f32
        self._normalize = self._library.engram_normalize_f32

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
        """Use another level in the whole process; BackendUnavailable when it is not to be had."""
        number = _LEVELS.get(level)
        if number is None or self._library.engram_select_isa(number) != abi.STATUS_OK:
            reason = f"this machine has no level {level!r}, only {', '.join(self.isa_levels)}"
            raise BackendUnavailable("zig", reason)

    def top_k_f32(
        self,
        query: F32,
        rows: F32,
        k: int,
        *,
        inv_norms: F32 | None = None,
        mask: U8 | None = None,
    ) -> tuple[F32, U32]:
        """See `KernelBackend.top_k_f32`."""
        check_top_k(query, rows, k, inv_norms, mask)
        n, d = rows.shape
        capacity = min(k, n)
        scores = np.empty(capacity, _FLOAT32)
        numbers = np.empty(capacity, _UINT32)
        count = self._top_k(
            _address(query),
            d,
            _address(rows),
            n,
            None if inv_norms is None else _address(inv_norms),
            None if mask is None else _address(mask),
            _address(scores),
            _address(numbers),
            capacity,
        )
        if count == capacity:
            return scores, numbers
        check(count >= 0, "checked arguments are valid to the kernel")
        return scores[:count].copy(), numbers[:count].copy()

    def normalize_f32(self, rows: F32) -> F32:
        """See `KernelBackend.normalize_f32`."""
        check_rows(rows)
        n, d = rows.shape
        inv_norms = np.empty(n, _FLOAT32)
        status = self._normalize(_address(rows), n, d, _address(inv_norms))
        check(status == abi.STATUS_OK, "checked arguments are valid to the kernel")
        return inv_norms


def _load(path: Path) -> ctypes.CDLL:
    if not path.exists():
        raise BackendUnavailable("zig", f"there is no library {path.name} beside the package")
    try:
        library = ctypes.CDLL(str(path))
        abi.declare(library)
    except (OSError, AttributeError) as error:
        raise BackendUnavailable("zig", f"{path.name} cannot be loaded ({error})") from error
    version = library.engram_abi_version()
    if version != abi.ABI_VERSION:
        reason = f"{path.name} has ABI version {version}, this release needs {abi.ABI_VERSION}"
        raise BackendUnavailable("zig", reason)
    return library


def _address_by_attribute(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> int:
    return int(array.ctypes.data)


_DATA_OFFSET: Final = object.__basicsize__
_read_pointer: Final = ctypes.c_size_t.from_address


def _address_by_header(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> int:
    # `data` is the first field after the object header: numpy's C API, PyArrayObject_fields.
    return _read_pointer(id(array) + _DATA_OFFSET).value


def _choose_address() -> Callable[[np.ndarray[tuple[int, ...], np.dtype[np.generic]]], int]:
    """Read the pointer from the header (0.1 us) where that proves right, else ask numpy (0.8)."""
    if sys.implementation.name != "cpython" or "free-threading" in sys.version:
        return _address_by_attribute
    probe = np.zeros(4, np.float32)
    arrays = (probe, probe[1:], np.zeros((2, 3), np.uint8))
    proven = all(_address_by_header(a) == _address_by_attribute(a) for a in arrays)
    return _address_by_header if proven else _address_by_attribute


_address: Final = _choose_address()
