"""The forgetting kernels of the Zig library; below AVX2 numpy computes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from engram.kernels import _zig_bindings as abi
from engram.kernels.addresses import address, learn_arrays
from engram.kernels.forgetting.arguments import (
    check_beta,
    check_column,
    check_columns,
    check_fsrs,
    check_hours,
)
from engram.kernels.forgetting.numpy_kernels import NumpyForgetting
from engram.kernels.forgetting.protocol import FSRS_DECAY, NANOSECONDS_PER_DAY
from engram.kernels.status import raise_status
from engram.kernels.zig_library import HELD_ITEMS_MAX, ZigFamily

if TYPE_CHECKING:
    from ctypes import CDLL

    from engram.kernels.arrays import F32, I64
    from engram.kernels.cancel import CancelFlag

_ARRAY: Final = np.ndarray
_FLOAT32: Final = np.dtype(np.float32)
_INT64: Final = 2**63
_NUMPY: Final = NumpyForgetting()
_ELAPSED_RATE: Final = ("elapsed", "rate")
_DAYS_STABILITY: Final = ("elapsed_days", "stability_days")
_HOURS_SHARE: Final = ("elapsed_hours", "fast_share")
_FSRS_GROWTH_PER_NS: Final = (0.9 ** (-1.0 / FSRS_DECAY) - 1.0) / NANOSECONDS_PER_DAY


class ZigForgetting(ZigFamily):
    """Calls the library; where it answers `unsupported` (level `baseline`), numpy is faster.

    Plain columns go to the library as they are: it looks at their headers in a fraction of the time
    Python takes to check them and to find their addresses. What it refuses is checked here, in
    sentences.
    """

    def __init__(self, library: CDLL) -> None:
        super().__init__(library)
        learn_arrays(library)
        self._decay_arrays = library.engram_decay_arrays
        self._exponential_arrays = library.engram_retrievability_exponential_arrays
        self._fsrs_arrays = library.engram_retrievability_fsrs_arrays
        self._fsrs_few = self._held.engram_retrievability_fsrs_arrays
        self._decay = library.engram_decay
        self._exponential = library.engram_retrievability_exponential
        self._power = library.engram_retrievability_power
        self._two_component = library.engram_retrievability_two_component
        self._savings = library.engram_retrievability_savings
        self._fsrs = library.engram_retrievability_fsrs

    def decay(
        self, elapsed: F32, rate: F32, *, out: F32 | None = None, cancel: CancelFlag | None = None
    ) -> F32:
        """See `ForgettingKernels.decay`."""
        flag = None if cancel is None else cancel.address
        to = np.empty(elapsed.size, _FLOAT32) if out is None and type(elapsed) is _ARRAY else out
        if self._decay_arrays(elapsed, rate, to, flag) == 0 and to is not None:
            return to
        out = check_columns(_ELAPSED_RATE, elapsed, rate, out)
        status = self._decay(
            address(elapsed),
            address(rate),
            len(out),
            address(out),
            None if cancel is None else cancel.address,
        )
        if status == abi.STATUS_UNSUPPORTED:
            return _NUMPY.decay(elapsed, rate, out=out, cancel=cancel)
        if status:
            raise_status(status)
        return out

    def retrievability_exponential(
        self,
        elapsed_days: F32,
        stability_days: F32,
        *,
        out: F32 | None = None,
        cancel: CancelFlag | None = None,
    ) -> F32:
        """See `ForgettingKernels.retrievability_exponential`."""
        flag = None if cancel is None else cancel.address
        to = out
        if out is None and type(elapsed_days) is _ARRAY:
            to = np.empty(elapsed_days.size, _FLOAT32)
        if self._exponential_arrays(elapsed_days, stability_days, to, flag) == 0 and to is not None:
            return to
        out = check_columns(_DAYS_STABILITY, elapsed_days, stability_days, out)
        status = self._exponential(
            address(elapsed_days),
            address(stability_days),
            len(out),
            address(out),
            None if cancel is None else cancel.address,
        )
        if status == abi.STATUS_UNSUPPORTED:
            return _NUMPY.retrievability_exponential(
                elapsed_days, stability_days, out=out, cancel=cancel
            )
        if status:
            raise_status(status)
        return out

    def retrievability_power(
        self,
        elapsed_hours: F32,
        beta: float,
        *,
        out: F32 | None = None,
        cancel: CancelFlag | None = None,
    ) -> F32:
        """See `ForgettingKernels.retrievability_power`."""
        check_beta(beta)
        out = check_column("elapsed_hours", elapsed_hours, out)
        status = self._power(
            address(elapsed_hours),
            len(out),
            beta,
            address(out),
            None if cancel is None else cancel.address,
        )
        if status == abi.STATUS_UNSUPPORTED:
            return _NUMPY.retrievability_power(elapsed_hours, beta, out=out, cancel=cancel)
        if status:
            raise_status(status)
        return out

    def retrievability_two_component(
        self,
        elapsed_hours: F32,
        fast_share: F32,
        *,
        fast_hours: float,
        slow_hours: float,
        out: F32 | None = None,
        cancel: CancelFlag | None = None,
    ) -> F32:
        """See `ForgettingKernels.retrievability_two_component`."""
        check_hours(fast_hours, slow_hours)
        out = check_columns(_HOURS_SHARE, elapsed_hours, fast_share, out)
        status = self._two_component(
            address(elapsed_hours),
            address(fast_share),
            len(out),
            fast_hours,
            slow_hours,
            address(out),
            None if cancel is None else cancel.address,
        )
        if status == abi.STATUS_UNSUPPORTED:
            return _NUMPY.retrievability_two_component(
                elapsed_hours,
                fast_share,
                fast_hours=fast_hours,
                slow_hours=slow_hours,
                out=out,
                cancel=cancel,
            )
        if status:
            raise_status(status)
        return out

    def retrievability_savings(
        self, elapsed_minutes: F32, *, out: F32 | None = None, cancel: CancelFlag | None = None
    ) -> F32:
        """See `ForgettingKernels.retrievability_savings`."""
        out = check_column("elapsed_minutes", elapsed_minutes, out)
        status = self._savings(
            address(elapsed_minutes),
            len(out),
            address(out),
            None if cancel is None else cancel.address,
        )
        if status == abi.STATUS_UNSUPPORTED:
            return _NUMPY.retrievability_savings(elapsed_minutes, out=out, cancel=cancel)
        if status:
            raise_status(status)
        return out

    def retrievability_fsrs(
        self,
        now: int,
        reviewed_at: I64,
        stability_days: F32,
        *,
        decay: float = FSRS_DECAY,
        out: F32 | None = None,
        cancel: CancelFlag | None = None,
    ) -> F32:
        """See `ForgettingKernels.retrievability_fsrs`."""
        if out is not None and decay == FSRS_DECAY and type(now) is int and abs(now) < _INT64:
            fsrs = self._fsrs_few if len(out) <= HELD_ITEMS_MAX else self._fsrs_arrays
            status = fsrs(
                now,
                reviewed_at,
                stability_days,
                _FSRS_GROWTH_PER_NS,
                FSRS_DECAY,
                out,
                None if cancel is None else cancel.address,
            )
            if status == 0:
                return out
        out = check_fsrs(now, reviewed_at, stability_days, decay, out)
        growth_per_ns = _FSRS_GROWTH_PER_NS
        if decay != FSRS_DECAY:
            growth_per_ns = (0.9 ** (-1.0 / decay) - 1.0) / NANOSECONDS_PER_DAY
        status = self._fsrs(
            now,
            address(reviewed_at),
            address(stability_days),
            len(out),
            growth_per_ns,
            decay,
            address(out),
            None if cancel is None else cancel.address,
        )
        if status == abi.STATUS_UNSUPPORTED:
            return _NUMPY.retrievability_fsrs(
                now, reviewed_at, stability_days, decay=decay, out=out, cancel=cancel
            )
        if status:
            raise_status(status)
        return out
