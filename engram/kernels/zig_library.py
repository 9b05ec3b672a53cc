"""Finds, loads and declares the Zig library."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from pathlib import Path
from typing import Final

from engram.kernels import _zig_bindings as abi
from engram.model.errors import BackendUnavailable

_LIBRARY_NAMES: Final = {"win32": "engram_kernels.dll", "darwin": "libengram_kernels.dylib"}

_loaded: dict[int, ctypes.CDLL] = {}

HELD_ITEMS_MAX: Final = 512
"""Elements up to which a short call keeps the interpreter's lock: it ends within some 50 us.

Where two threads recall, a call that gives it up has to wait for the other one to give it back.
"""


class ZigFamily:
    """The end of the chain of families: each takes from the library what it calls.

    `_held` is the same library, whose calls keep the interpreter's lock: for what ends sooner than
    another thread would wake up.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library, self._held = library, self._holding(library)

    def _holding(self, library: ctypes.CDLL) -> ctypes.CDLL:
        """Return the same library, declared, for calls that keep the lock."""
        held = ctypes.PyDLL(library._name, handle=library._handle)  # noqa: SLF001 - the same one
        abi.declare(held)
        return held


def library_path() -> Path:
    """Return where the library of this platform is looked for."""
    name = _LIBRARY_NAMES.get(sys.platform, "libengram_kernels.so")
    return Path(__file__).with_name(name)


def load_library(path: Path) -> ctypes.CDLL:
    """Return the library at `path`, its functions declared; BackendUnavailable names the cause."""
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
    _loaded[library._handle] = library  # noqa: SLF001 - one entry a library, however often loaded
    return library


@cache
def process_library() -> ctypes.CDLL:
    """Return the library of this platform; BackendUnavailable when it cannot be used."""
    return load_library(library_path())


def loaded_libraries() -> tuple[ctypes.CDLL, ...]:
    """Return every library this process has loaded."""
    return tuple(_loaded.values())
