"""What the forgetting kernels of every backend must do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from engram.kernels.cancel import CancelFlag
from engram.kernels.forgetting.protocol import NANOSECONDS_PER_DAY
from engram.kernels.reference import ReferenceBackend
from engram.model.errors import KernelCancelled, check
from engram.testing.kernels.refusals import check_refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from engram.kernels.arrays import F32, I64
    from engram.kernels.protocol import KernelBackend

TOLERANCE: Final = 1e-6
_LARGEST: Final = float(np.finfo(np.float32).max)
_RISE_MAX: Final = 5e-7  # what numpy's exponentials may rise by where the argument falls
_REFERENCE: Final = ReferenceBackend()
_FEW: Final = 130
_EDGES: Final = np.array(
    [
        *(0.0, -0.0, 1e-45, 1e-38, 1.2e-38, 1e-20, 1e-7, 0.5, 1.0, 2.3065, 10.0, 1e4, 1e10, 1e20),
        *(1e30, 1e38, _LARGEST, np.inf, np.nan, -1e-45, -1.0, -1e30, -_LARGEST, -np.inf),
    ],
    np.float32,
)
_MOMENTS: Final = np.array(
    [-(2**63), -(2**63) + 1, -(10**18), -1, 0, 1, 10**6, 10**18, 2**63 - 2, 2**63 - 1], np.int64
)


def check_against_reference(
    backend: KernelBackend, values: F32, others: F32, reviewed_at: I64, now: int
) -> None:
    """Compare every curve over columns of one length with the reference.

    Args:
        backend: what is checked.
        values: float32[n], times in whatever unit the curve takes.
        others: float32[n]; rates, stabilities or shares.
        reviewed_at: int64[n].
        now: int64.
    """
    for name, curve in curves(values, others, reviewed_at, now).items():
        own, meant = curve(backend), curve(_REFERENCE)
        check(own.dtype == np.float32 and own.shape == meant.shape, f"{name} gives float32[n]")
        unknown = np.isnan(meant)
        check(np.array_equal(np.isnan(own), unknown), f"{name} gives NaN for NaN only")
        known = own[~unknown].astype(np.float64)
        check(bool(((known >= 0) & (known <= 1)).all()), f"{name} lies in [0, 1]")
        distance = np.abs(known - meant[~unknown]).max(initial=0.0)
        check(bool(distance <= TOLERANCE), f"{name} is that of the reference")


def curves(
    values: F32, others: F32, reviewed_at: I64, now: int
) -> dict[str, Callable[[KernelBackend], F32]]:
    """Return every curve as a call over these columns, by name."""
    return {
        "decay": lambda kernels: kernels.decay(values, others),
        "exponential": lambda kernels: kernels.retrievability_exponential(values, others),
        "gentle power": lambda kernels: kernels.retrievability_power(values, 0.01),
        "power": lambda kernels: kernels.retrievability_power(values, 0.5),
        "steep power": lambda kernels: kernels.retrievability_power(values, 80.0),
        "two components": lambda kernels: kernels.retrievability_two_component(
            values, others, fast_hours=7.0, slow_hours=240.0
        ),
        "savings": lambda kernels: kernels.retrievability_savings(values),
        "FSRS": lambda kernels: kernels.retrievability_fsrs(now, reviewed_at, others),
        "steep FSRS": lambda kernels: kernels.retrievability_fsrs(
            now, reviewed_at, others, decay=0.8
        ),
    }


def check_lengths(backend: KernelBackend) -> None:
    """Check n from 0 to past several vectors, and one that takes several blocks."""
    random = np.random.default_rng(1)
    for n in (*range(35), 63, 64, 65, 127, 128, 129, 130, 70_001):
        times = (random.random(n, dtype=np.float32) ** 4 * 1e4).astype(np.float32)
        rates = -random.random(n, dtype=np.float32)
        own = backend.decay(times, rates)
        meant = np.exp(times.astype(np.float64) * rates.astype(np.float64))
        check(own.shape == (n,), "n values come out")
        check(bool(np.abs(own - meant).max(initial=0.0) <= TOLERANCE), "each is where it belongs")
        if n <= _FEW:
            moments = (times * 1e14).astype(np.int64)
            check_against_reference(backend, times, -rates, moments, 10**18)


def check_edges(backend: KernelBackend) -> None:
    """Check every edge value of a column against every one of the other."""
    values, others = np.repeat(_EDGES, len(_EDGES)), np.tile(_EDGES, len(_EDGES))
    moments = np.resize(_MOMENTS, len(values))
    for now in (0, 10**18, 2**63 - 1, -(2**63)):
        check_against_reference(backend, values, others, moments, now)
    ends = np.array([0.0, -1.0, np.inf], np.float32)
    usual = np.full(3, 5.0, np.float32)
    for name, curve in curves(ends, usual, np.zeros(3, np.int64), 0).items():
        if "FSRS" not in name and name != "decay":
            left = curve(backend).tolist()
            check(left == [1.0, 1.0, 0.0], f"{name} begins at 1 and ends at 0")
    for kept in (backend.decay(usual, usual), backend.decay(usual, 0 * usual)):
        check(kept.tolist() == [1.0, 1.0, 1.0], "without a rate nothing fades")


def check_places(backend: KernelBackend) -> None:
    """Check that a value does not depend on its place, on alignment or on its neighbours."""
    random = np.random.default_rng(2)
    for n in (5, 16, 40, 130):
        for offset in (0, 1, 3, 7):
            times = np.full(n + offset, 3.7, np.float32)[offset:]
            others = np.full(n, 0.3, np.float32)
            reviewed = np.full(n, 5 * 10**12, np.int64)
            for name, curve in curves(times, others, reviewed, 10**15).items():
                check(len(set(curve(backend).tolist())) == 1, f"{name} gives equals equal results")
    times, rates = random.random(50, dtype=np.float32), -random.random(50, dtype=np.float32)
    before = (times.copy(), rates.copy())
    backend.decay(times, rates)
    check(
        np.array_equal(times, before[0]) and np.array_equal(rates, before[1]),
        "inputs are not written",
    )


def check_monotone(backend: KernelBackend) -> None:
    """Check that more time never leaves more: neighbouring numbers, and the whole range."""
    whole = np.concatenate([[0], np.geomspace(1e-12, 1e30, 9_000)]).astype(np.float32)
    starts = np.array([1e-3, 0.4142135, 0.999, 1.0, 3.0, 40.0, 1e3], np.float32)
    steps = np.arange(400, dtype=np.int32)
    neighbours = (starts.view(np.int32)[:, None] + steps).view(np.float32)
    for times in (whole, *neighbours):
        shared = np.full(len(times), 0.37, np.float32)
        reviewed = -np.minimum(times.astype(np.float64) * 1e12, 9e18).astype(np.int64)
        for name, curve in curves(times, shared, reviewed, 0).items():
            if name == "decay":
                continue
            rise = np.diff(curve(backend).astype(np.float64)).max()
            limit = _RISE_MAX if backend.name == "numpy" or backend.isa == "baseline" else 0.0
            check(bool(rise <= limit), f"{name} never rises with time")
        rise = np.diff(backend.decay(times, -shared).astype(np.float64)).max()
        check(bool(rise <= _RISE_MAX), "decay never rises with time")


def check_published(backend: KernelBackend) -> None:
    """Check points that the sources state: R(S) is 0.9, and Ebbinghaus's own curve."""
    stability = np.array([0.01, 1.0, 2.3065, 365.0, 36_500.0], np.float32)
    own = backend.retrievability_exponential(stability, stability)
    check(bool((np.abs(own - 0.9) <= TOLERANCE).all()), "0.9 is left after S days: exponential")
    reviewed = -np.round(stability.astype(np.float64) * NANOSECONDS_PER_DAY).astype(np.int64)
    for decay in (0.1, 0.1542, 0.5, 0.8):
        own = backend.retrievability_fsrs(0, reviewed, stability, decay=decay)
        check(bool((np.abs(own - 0.9) <= TOLERANCE).all()), "0.9 is left after S days: FSRS")
    minutes = np.array([1, 20, 64, 526, 1440, 2 * 1440, 6 * 1440, 31 * 1440], np.float32)
    curve = backend.retrievability_savings(minutes)
    # Ebbinghaus 1885, chapter 7: what his formula gives, in per cent, to one place.
    printed = np.array([100, 57.0, 46.7, 34.5, 30.4, 28.1, 24.9, 21.2])
    check(np.allclose(100 * curve, printed, rtol=0, atol=0.1), "savings are those of Ebbinghaus")


def check_out(backend: KernelBackend) -> None:
    """Check that results go where the caller wants, even over a column of the call."""
    random = np.random.default_rng(3)
    times, rates = random.random(77, dtype=np.float32), -random.random(77, dtype=np.float32)
    meant = backend.decay(times, rates)
    for out in (np.empty(77, np.float32), times.copy(), rates.copy()):
        check(backend.decay(times, rates, out=out) is out, "out is returned")
        check(np.array_equal(out, meant), "out holds the result")
    for place in (0, 1):
        columns = [times.copy(), rates.copy()]
        backend.decay(*columns, out=columns[place])
        check(np.array_equal(columns[place], meant), "a column may take the result")
    reviewed, out = np.arange(77) * 10**13, times + 1
    meant = backend.retrievability_fsrs(10**15, reviewed, times + 1)
    backend.retrievability_fsrs(10**15, reviewed, out, out=out)
    check(np.array_equal(out, meant), "stabilities may take the result")


def check_refusals(backend: KernelBackend) -> None:
    """Check that each mistake is refused in a sentence that names the argument."""
    ones, moments = np.ones(4, np.float32), np.ones(4, np.int64)
    fixed = np.ones(4, np.float32)
    fixed.flags.writeable = False
    two, fsrs = backend.retrievability_two_component, backend.retrievability_fsrs
    calls: list[tuple[str, Callable[[], object]]] = [
        ("elapsed", lambda: backend.decay(ones.astype(np.float64), ones)),
        ("elapsed", lambda: backend.decay([1.0], ones)),  # type: ignore[arg-type]
        ("rate", lambda: backend.decay(ones, ones[:3])),
        ("rate", lambda: backend.decay(ones, np.ones(8, np.float32)[::2])),
        ("rate", lambda: backend.decay(ones, np.ones((4, 1), np.float32))),
        ("out", lambda: backend.decay(ones, ones, out=ones[:2])),
        ("out", lambda: backend.decay(ones, ones, out=fixed)),
        ("out", lambda: backend.retrievability_savings(ones, out=moments)),  # type: ignore[arg-type]
        ("stability_days", lambda: backend.retrievability_exponential(ones, moments)),  # type: ignore[arg-type]
        ("beta", lambda: backend.retrievability_power(ones, 0.0)),
        ("beta", lambda: backend.retrievability_power(ones, float("nan"))),
        ("beta", lambda: backend.retrievability_power(ones, float("inf"))),
        ("beta", lambda: backend.retrievability_power(ones, "1")),  # type: ignore[arg-type]
        ("fast_hours", lambda: two(ones, ones, fast_hours=0.0, slow_hours=1.0)),
        ("slow_hours", lambda: two(ones, ones, fast_hours=1.0, slow_hours=float("nan"))),
        ("elapsed_minutes", lambda: backend.retrievability_savings(moments)),  # type: ignore[arg-type]
        ("reviewed_at", lambda: fsrs(0, ones, ones)),  # type: ignore[arg-type]
        ("now", lambda: fsrs(2**63, moments, ones)),
        ("now", lambda: fsrs(1.5, moments, ones)),  # type: ignore[arg-type]
        ("decay", lambda: fsrs(0, moments, ones, decay=0.0)),
    ]
    for argument, call in calls:
        check_refused(argument, call)


def check_cancelled(backend: KernelBackend) -> None:
    """Check that a set flag stops every curve."""
    flag = CancelFlag()
    ones, moments = np.ones(30, np.float32), np.ones(30, np.int64)
    free = backend.decay(ones, -ones, cancel=flag)
    check(np.array_equal(free, backend.decay(ones, -ones)), "a flag not set changes nothing")
    flag.set()
    calls: tuple[Callable[[], object], ...] = (
        lambda: backend.decay(ones, ones, cancel=flag),
        lambda: backend.retrievability_exponential(ones, ones, cancel=flag),
        lambda: backend.retrievability_power(ones, 0.5, cancel=flag),
        lambda: backend.retrievability_two_component(
            ones, ones, fast_hours=1.0, slow_hours=9.0, cancel=flag
        ),
        lambda: backend.retrievability_savings(ones, cancel=flag),
        lambda: backend.retrievability_fsrs(0, moments, ones, cancel=flag),
    )
    for call in calls:
        try:
            call()
        except KernelCancelled:
            continue
        check(condition=False, sentence="a set flag stops the kernel")


CHECKS = (
    check_lengths,
    check_edges,
    check_places,
    check_monotone,
    check_published,
    check_out,
    check_refusals,
    check_cancelled,
)
