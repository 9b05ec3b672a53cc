"""What time leaves of memories, by column, and the fusion of a recall's candidates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benches.peers.cases import Call, Case
from engram.kernels.zig_backend import ZigBackend

F32 = NDArray[np.float32]
_NOW: Final = 1_700_000_000_000_000_000
_LN_NINE_TENTHS: Final = np.float32(np.log(0.9))
_CANDIDATES: Final = 200
_LIMIT: Final = 10
# Values, instruction level (None: the best), times the best peer.
_SIZES: Final = ((10_000, None, 2.3), (10_000, "avx2", 1.5), (1_000_000, None, 2.5))


def cases(only: str = "") -> Iterator[Case]:
    """Yield decay by a stored rate and by stability, FSRS, and fusion."""
    zig = ZigBackend()
    best = zig.isa
    for n, level, goal in _SIZES:
        if level is not None and level not in zig.isa_levels:
            continue
        shown = f"{n:,}" + (f" ({level})" if level else "")
        zig.select_isa(level or best)
        for case in (_decay(zig, n, shown, goal), _exponential(zig, n, shown, goal)):
            if only in case.name:
                yield case
        zig.select_isa(best)
    for case in (_fsrs(zig), _fusion(zig)):
        if only in case.name:
            yield case


def _decay(zig: ZigBackend, n: int, shown: str, goal: float) -> Case:
    import numba  # noqa: PLC0415 - a peer
    import numexpr  # noqa: PLC0415 - a peer

    elapsed, stability = _columns(n)
    rate, out = _LN_NINE_TENTHS / stability, np.empty(n, np.float32)
    numexpr.set_num_threads(1)

    @numba.njit(fastmath=True)  # type: ignore[untyped-decorator, unused-ignore]
    def by_loop(elapsed: F32, rate: F32, out: F32) -> None:
        for i in range(len(elapsed)):
            out[i] = np.exp(elapsed[i] * rate[i])

    return Case(
        f"decay of {shown} by a stored rate",
        lambda: zig.decay(elapsed, rate, out=out),
        {
            "numpy": lambda: np.exp(np.multiply(elapsed, rate, out=out), out=out),
            "numba": lambda: by_loop(elapsed, rate, out),
            "numexpr": lambda: numexpr.evaluate(
                "exp(t * rate)", {"t": elapsed, "rate": rate}, out=out
            ),
        },
        goal,
    )


def _exponential(zig: ZigBackend, n: int, shown: str, goal: float) -> Case:
    import numba  # noqa: PLC0415 - a peer
    import numexpr  # noqa: PLC0415 - a peer

    elapsed, stability = _columns(n)
    out, scale = np.empty(n, np.float32), _LN_NINE_TENTHS
    names = {"t": elapsed, "s": stability, "scale": scale}
    numexpr.set_num_threads(1)

    @numba.njit(fastmath=True)  # type: ignore[untyped-decorator, unused-ignore]
    def by_loop(elapsed: F32, stability: F32, out: F32) -> None:
        for i in range(len(elapsed)):
            out[i] = np.exp(elapsed[i] * scale / stability[i])

    def by_numpy() -> object:
        np.divide(elapsed, stability, out=out)
        return np.exp(np.multiply(out, scale, out=out), out=out)

    return Case(
        f"decay of {shown} by stability",
        lambda: zig.retrievability_exponential(elapsed, stability, out=out),
        {
            "numpy": by_numpy,
            "numba": lambda: by_loop(elapsed, stability, out),
            "numexpr": lambda: numexpr.evaluate("exp(t * scale / s)", names, out=out),
        },
        goal,
    )


def _fsrs(zig: ZigBackend) -> Case:
    from engram.state.forgetting import retrievability  # noqa: PLC0415 - the model, in numpy

    n = 10_000
    elapsed, stability = _columns(n)
    reviewed_at = _NOW - (elapsed * 86_400e9).astype(np.int64)
    return Case(
        f"FSRS retrievability of {n:,}",
        lambda: zig.retrievability_fsrs(_NOW, reviewed_at, stability),
        {"numpy": lambda: retrievability(_NOW, reviewed_at, stability)},
    )


def _fusion(zig: ZigBackend) -> Case:
    parts = np.random.default_rng(5).random((4, _CANDIDATES), dtype=np.float32)
    weights = np.array([0.5, 0.5, 0.2, 0.1], np.float32)
    floors = np.array([0.2, 0.0], np.float32)
    return Case(
        f"fusion of {_CANDIDATES} candidates, top-{_LIMIT}",
        lambda: zig.score_fuse(parts, weights, floors, _LIMIT),
        {"numpy": _fused_by_numpy(parts, weights, floors)},
    )


def _fused_by_numpy(parts: F32, weights: F32, floors: F32) -> Call:
    """Return the same as numpy does it in few passes: float32, no checks."""

    def fused() -> object:
        shares, factors = parts[:2], parts[2:]
        scaled = (shares - floors[:, None]) / (shares.max(axis=1) - floors)[:, None]
        score = weights[:2] @ np.maximum(scaled, 0)
        for weight, factor in zip(weights[2:], factors, strict=True):
            score *= 1 - weight * (1 - factor)
        order = np.argsort(-score, kind="stable")[:_LIMIT]
        return order, score[order]

    return fused


def _columns(n: int) -> tuple[F32, F32]:
    """Return days since the last review and stabilities in days."""
    random = np.random.default_rng(4)
    elapsed = (random.random(n, dtype=np.float32) * 100).astype(np.float32)
    return elapsed, (1 + random.random(n, dtype=np.float32) * 50).astype(np.float32)
