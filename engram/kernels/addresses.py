"""Where the bytes of a numpy array lie, without the cost of `.ctypes.data`."""

from __future__ import annotations

import ctypes
import sys
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable


def _address_by_attribute(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> int:
    return int(array.ctypes.data)


_DATA_OFFSET: Final = object.__basicsize__
_WORD_BYTES: Final = ctypes.sizeof(ctypes.c_size_t)
# Every word this process can address, as one array: an index is quicker than a new pointer object.
_words: Final = (ctypes.c_size_t * (sys.maxsize // _WORD_BYTES)).from_address(0)


def _address_by_header(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> int:
    # `data` is the first field after the object header: numpy's C API, PyArrayObject_fields.
    return _words[(id(array) + _DATA_OFFSET) // _WORD_BYTES]


def _choose_address() -> Callable[[np.ndarray[tuple[int, ...], np.dtype[np.generic]]], int]:
    """Read the pointer from the header (0.1 us) where that proves right, else ask numpy (0.8)."""
    if sys.implementation.name != "cpython" or "free-threading" in sys.version:
        return _address_by_attribute
    probe = np.zeros(4, np.float32)
    arrays = (probe, probe[1:], np.zeros((2, 3), np.uint8))
    proven = all(_address_by_header(a) == _address_by_attribute(a) for a in arrays)
    return _address_by_header if proven else _address_by_attribute


address: Final = _choose_address()

_USUAL_HEADER_BYTES: Final = 16


def learn_arrays(library: ctypes.CDLL) -> None:
    """Let `library` read headers of numpy arrays itself, where they have the usual layout.

    Elsewhere its functions that take arrays refuse them all, and the caller takes addresses.
    """
    if address is _address_by_header and _DATA_OFFSET == _USUAL_HEADER_BYTES:
        kinds = (np.ndarray, np.dtype(np.float32), np.dtype(np.int64))
        library.engram_learn_arrays(*map(id, kinds))
