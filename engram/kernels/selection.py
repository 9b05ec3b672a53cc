"""Choose the kernel backend by name, or the best there is."""

from __future__ import annotations

import logging
from typing import Final

from engram.kernels.numpy_backend import NumpyBackend
from engram.kernels.protocol import KernelBackend
from engram.model.errors import BackendUnavailable, InvalidRequest

CHOICES: Final = ("auto", "zig", "numpy")
_logger: Final = logging.getLogger("engram.kernels")
_said: list[str] = []


def select_backend(name: str) -> KernelBackend:
    """Return the backend called `name`; `auto` takes Zig where it runs and else says so once.

    Raises:
        BackendUnavailable: it was asked for by name and cannot be used here.
        InvalidRequest: there is no backend of that name.
    """
    if name not in CHOICES:
        raise InvalidRequest(f"there is no kernel backend {name!r}; choose {', '.join(CHOICES)}")
    if name == "numpy":
        return NumpyBackend()
    try:
        return _zig()
    except BackendUnavailable as error:
        if name == "zig":
            raise
        if not _said:
            _said.append(error.reason)
            _logger.warning("the numpy kernels are used: %s", error)
        return NumpyBackend()


def _zig() -> KernelBackend:
    try:
        from engram.kernels.zig_backend import ZigBackend  # noqa: PLC0415 - absent without a build
    except ImportError as error:
        raise BackendUnavailable("zig", str(error)) from error
    backend: KernelBackend = ZigBackend()
    return backend
