"""Choose the kernel backend by name, or the best there is."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, cast

from engram.kernels.arena import configure_arena
from engram.kernels.numpy_backend import NumpyBackend
from engram.kernels.protocol import KernelBackend
from engram.kernels.shadow import ShadowBackend, ShadowStats
from engram.model.errors import BackendUnavailable, InvalidRequest
from engram.setting_values import KERNEL_CHOICES
from engram.settings import SHADOW_SHARE_DEFAULT, Settings

if TYPE_CHECKING:
    from engram.kernels.zig_backend import ZigBackend

_logger: Final = logging.getLogger("engram.kernels")
_said: list[str] = []
_shadows: dict[float, ShadowBackend] = {}


def make_kernels(settings: Settings, wanted: str | None = None) -> KernelBackend:
    """Return the kernels asked for, the process's level and arenas set as the settings say.

    Raises:
        BackendUnavailable: a backend or level was asked for by name and is not there.
    """
    backend = select_backend(
        wanted or settings.kernels,
        isa=settings.kernels_isa,
        shadow_share=settings.kernels_shadow_share,
    )
    if backend.name != "numpy":
        configure_arena(size_bytes=settings.arena_size, overflow=settings.arena_overflow)
    return backend


def select_backend(
    name: str, *, isa: str = "auto", shadow_share: float = SHADOW_SHARE_DEFAULT
) -> KernelBackend:
    """Return the backend called `name`; `auto` takes Zig where it runs and else says so once.

    Args:
        name: auto, zig, numpy, or shadow: Zig, checked against numpy in the background.
        isa: the level of the Zig kernels in the whole process; `auto` leaves it as it is. It says
            nothing to numpy.
        shadow_share: which share of each kernel's calls the shadow checks, in (0, 1]; stores that
            ask for one share use one shadow.

    Raises:
        BackendUnavailable: it was asked for by name and cannot be used here, or this machine does
            not have the level.
        InvalidRequest: there is no backend of that name.
    """
    if name not in KERNEL_CHOICES:
        choices = ", ".join(KERNEL_CHOICES)
        raise InvalidRequest(f"there is no kernel backend {name!r}; choose {choices}")
    if name == "numpy":
        return NumpyBackend()
    try:
        backend = _zig()
    except BackendUnavailable as error:
        if name != "auto":
            raise
        if not _said:
            _said.append(error.reason)
            _logger.warning("the numpy kernels are used: %s", error)
        return NumpyBackend()
    if isa != "auto":
        backend.select_isa(isa)
    return _shadow(backend, shadow_share) if name == "shadow" else backend


def shadow_stats() -> tuple[ShadowStats, ...]:
    """Return the numbers of each shadow of this process."""
    return tuple(shadow.stats() for shadow in _shadows.values())


def _shadow(zig: KernelBackend, share: float) -> KernelBackend:
    if share not in _shadows:
        _shadows[share] = ShadowBackend(zig, NumpyBackend(), share)
    return cast("KernelBackend", _shadows[share])


def _zig() -> ZigBackend:
    try:
        from engram.kernels.zig_backend import ZigBackend  # noqa: PLC0415 - absent without a build
    except ImportError as error:
        raise BackendUnavailable("zig", str(error)) from error
    return ZigBackend()
