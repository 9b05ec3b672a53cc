"""What the kernels over compressed rows of every backend must do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from engram.kernels.cancel import CancelFlag
from engram.kernels.codes.protocol import I8_DIMENSIONS_MAX, MAGNITUDE_MIN
from engram.kernels.reference import ReferenceBackend
from engram.model.errors import KernelCancelled, check
from engram.testing.kernels.refusals import check_refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import NDArray

    from engram.kernels.arrays import F32, I8, U8
    from engram.kernels.protocol import KernelBackend

_CHUNK = 64
"""Codes the widest kernel reads at once."""

_REFERENCE: Final = ReferenceBackend()
_SPECIAL: Final = (0.0, -0.0, 1e-45, -1e-40, 1e30, -3e38, np.inf, -np.inf, np.nan)


def check_half_against_reference(
    backend: KernelBackend,
    query: F32,
    rows: F32,
    k: int,
    inv_norms: F32 | None = None,
    mask: U8 | None = None,
) -> None:
    """Compare `top_k_f16` and `top_k_bf16` with the reference within the protocol's tolerance.

    `rows` are float32 and are rounded here. Rows whose scores differ by less than the tolerance may
    change places.
    """
    with np.errstate(over="ignore"):
        binary16 = rows.astype(np.float16)
    bfloat16 = _REFERENCE.to_bf16(rows)
    widened = (bfloat16.astype(np.uint32) << 16).view(np.float32)
    everything = max(1, len(rows))
    own = backend.top_k_f16(query, binary16, k, inv_norms=inv_norms, mask=mask)
    meant = _REFERENCE.top_k_f16(query, binary16, everything, inv_norms=inv_norms, mask=mask)
    _check_near(own, meant, k, _tolerance(query, binary16.astype(np.float32), inv_norms))
    own = backend.top_k_bf16(query, bfloat16, k, inv_norms=inv_norms, mask=mask)
    meant = _REFERENCE.top_k_bf16(query, bfloat16, everything, inv_norms=inv_norms, mask=mask)
    _check_near(own, meant, k, _tolerance(query, widened, inv_norms))


def check_codes_against_reference(
    backend: KernelBackend, query: F32, rows: F32, k: int, mask: U8 | None = None
) -> None:
    """Compare codes, scales and bits of rows, and what a query finds in them: the same bits."""
    codes, scales = backend.quantize_i8(rows)
    meant_codes, meant_scales = _REFERENCE.quantize_i8(rows)
    check(codes.dtype == np.int8 and _are_same(codes, meant_codes), "codes are the reference's")
    check(_are_same(scales, meant_scales), "scales are the reference's to the last bit")
    check_i8_against_reference(backend, query, codes, scales, k, mask)
    bits = backend.quantize_bits(rows)
    check(_are_same(bits, _REFERENCE.quantize_bits(rows)), "bits are the reference's")
    check_bits_against_reference(backend, _REFERENCE.quantize_bits(query[None])[0], bits, k, mask)
    halves = backend.to_bf16(rows)
    check(_are_same(halves, _REFERENCE.to_bf16(rows)), "bfloat16 are the reference's")


def check_i8_against_reference(
    backend: KernelBackend, query: F32, codes: I8, scales: F32, k: int, mask: U8 | None = None
) -> None:
    """Compare one `top_k_i8` with the reference: the same bits."""
    own = backend.top_k_i8(query, codes, scales, k, mask=mask)
    meant = _REFERENCE.top_k_i8(query, codes, scales, k, mask=mask)
    check(_are_same(own[1], meant[1]), "rows of codes rank as in the reference")
    check(_are_same(own[0], meant[0]), "scores of codes are the reference's to the last bit")


def check_bits_against_reference(
    backend: KernelBackend, query_bits: U8, codes: U8, k: int, mask: U8 | None = None
) -> None:
    """Compare one `bit_top_k` with the reference: the same numbers."""
    own = backend.bit_top_k(query_bits, codes, k, mask=mask)
    meant = _REFERENCE.bit_top_k(query_bits, codes, k, mask=mask)
    check(_are_same(own[1], meant[1]), "rows of bits rank as in the reference")
    check(_are_same(own[0], meant[0]), "distances are the reference's")


def check_rerank_against_scan(
    backend: KernelBackend,
    query: F32,
    rows: F32,
    candidates: NDArray[np.uint32],
    k: int,
    inv_norms: F32 | None = None,
) -> None:
    """Compare one `rerank_f32` with `top_k_f32` of the same rows: the same bits."""
    is_candidate = np.zeros(len(rows), np.bool_)
    is_candidate[candidates] = True
    mask = np.packbits(is_candidate, bitorder="little")
    own = backend.rerank_f32(query, rows, candidates, k, inv_norms=inv_norms)
    meant = backend.top_k_f32(query, rows, k, inv_norms=inv_norms, mask=mask)
    check(own[1].dtype == np.uint32 and _are_same(own[1], meant[1]), "candidates rank as in a scan")
    check(_are_same(own[0], meant[0]), "candidates score as in a scan, to the last bit")


def check_rerank(backend: KernelBackend) -> None:
    """Check candidates in any order, of any number, with ties, and against the reference."""
    random = np.random.default_rng(18)
    for d in (1, 7, 16, 33, 100):
        rows = random.standard_normal((60, d), dtype=np.float32)
        rows[40:] = rows[:20]
        rows[7] = np.nan
        query = random.standard_normal(d, dtype=np.float32)
        inv_norms = backend.normalize_f32(rows)
        for count in (0, 1, 2, 3, 4, 5, 9, 60):
            candidates = random.permutation(60)[:count].astype(np.uint32)
            for k in (1, 4, 60):
                check_rerank_against_scan(backend, query, rows, candidates, k)
                check_rerank_against_scan(backend, query, rows, candidates, k, inv_norms)
        own = backend.rerank_f32(query, rows, candidates, 5, inv_norms=inv_norms)
        meant = _REFERENCE.rerank_f32(query, rows, candidates, 60, inv_norms=inv_norms)
        _check_near(own, meant, 5, _tolerance(query, rows, inv_norms))
    twice = np.array([3, 1, 3], np.uint32)
    _, numbers = backend.rerank_f32(np.zeros(d, np.float32), rows, twice, 9)
    check(numbers.tolist() == [1, 3, 3], "a candidate given twice is listed twice")


def check_code_dimensions(backend: KernelBackend) -> None:
    """Check d from 1 to past three chunks, so that every way to end a row is met."""
    random = np.random.default_rng(11)
    for d in (*range(1, 70), *range(95, 100), *range(126, 132), *range(190, 196), 257, 1041):
        rows = random.standard_normal((5, d), dtype=np.float32)
        query = random.standard_normal(d, dtype=np.float32)
        check_codes_against_reference(backend, query, rows, 4)
        check_half_against_reference(backend, query, rows, 4)


def check_code_row_counts(backend: KernelBackend) -> None:
    """Check n around the sizes of blocks and of the mask's words, and k up to past n."""
    random = np.random.default_rng(12)
    query = random.standard_normal(9, dtype=np.float32)
    for n in (0, 1, 2, 3, 4, 5, 8, 63, 64, 65, 130):
        rows = random.standard_normal((n, 9), dtype=np.float32)
        for k in {1, max(1, n - 1), n + 1, 10**9}:
            check_codes_against_reference(backend, query, rows, k)
            check_half_against_reference(backend, query, rows, k, backend.normalize_f32(rows))


def check_long_codes(backend: KernelBackend) -> None:
    """Check that the longest dot products of the largest codes are exact."""
    query = np.ones(I8_DIMENSIONS_MAX, np.float32)
    codes = np.full((2, I8_DIMENSIONS_MAX), -128, np.int8)
    codes[1] = 127
    codes[1, -1] = 126
    scores, rows = backend.top_k_i8(query, codes, np.full(2, 127.0, np.float32), 2)
    exact = [127 * I8_DIMENSIONS_MAX - 1, -128 * I8_DIMENSIONS_MAX]
    scale = 127.0 * float(np.float32(1 / 127))
    meant = [np.float32(float(127 * total) * scale) for total in exact]
    check(rows.tolist() == [1, 0], "the longest dot products rank")
    check(scores.tolist() == meant, "the longest dot products are exact")


def check_code_ties(backend: KernelBackend) -> None:
    """Check that equal rows tie exactly and fall by position, wherever they stand."""
    random = np.random.default_rng(13)
    for d in (3, 33, 64, 100):
        rows = np.tile(random.standard_normal(d, dtype=np.float32), (203, 1))
        query = random.standard_normal(d, dtype=np.float32)
        mask = np.packbits(np.arange(203) % 3 == 1, bitorder="little")
        for scan in _scans(backend, query, rows):
            scores, numbers = scan(11, None)
            check(numbers.tolist() == list(range(11)), "ties fall by position")
            check(len(set(scores.tolist())) == 1, "equal rows have equal scores")
            check(scan(4, mask)[1].tolist() == [1, 4, 7, 10], "so they do under a mask")


def check_code_extremes(backend: KernelBackend) -> None:
    """Check rows and queries of zeros, denormals, infinities and NaN."""
    random = np.random.default_rng(14)
    rows = random.standard_normal((4 * len(_SPECIAL), 37), dtype=np.float32)
    for i, value in enumerate(_SPECIAL):
        rows[4 * i, :] = value
        rows[4 * i + 1, 36] = value
        rows[4 * i + 2, 3] = value
    rows[2::9] *= np.float32(1e-30)
    rows[3] = MAGNITUDE_MIN
    rows[7] = np.nextafter(np.float32(MAGNITUDE_MIN), np.float32(0))
    for query in (rows[6], rows[7], rows[4 * len(_SPECIAL) - 1], rows[-4], rows[0]):
        check_codes_against_reference(backend, query.copy(), rows, len(rows))
    halves = np.arange(2**16, dtype=np.uint16)[:, None]
    one = np.ones(1, np.float32)
    with np.errstate(all="ignore"):
        binary16 = halves.view(np.float16).astype(np.float32)[:, 0]
    bfloat16 = (halves.astype(np.uint32) << 16).view(np.float32)[:, 0]
    scores, numbers = backend.top_k_f16(one, halves.view(np.float16), 2**16)
    check(_are_same(scores, binary16[numbers]), "every binary16 counts as what it is")
    scores, numbers = backend.top_k_bf16(one, halves, 2**16)
    check(_are_same(scores, bfloat16[numbers]), "every bfloat16 counts as what it is")
    check(bool(np.isnan(scores[-1])), "NaN ranks last")


def check_rounding(backend: KernelBackend) -> None:
    """Check that halves round to even, and what lies next to them does not."""
    steps = np.arange(-254, 255, dtype=np.float32) / 2
    rows = np.concatenate([steps, np.nextafter(steps, np.float32(0))])[None]
    check_codes_against_reference(backend, rows[0], rows, 1)
    codes, scales = backend.quantize_i8(rows)
    check(codes[0, :5].tolist() == [-127, -126, -126, -126, -125], "halves round to even")
    check(float(scales[0]) == 1.0, "the scale is the largest over 127")
    bits = np.arange(0x3F7F_0000, 0x3F83_0000, 0x1000)
    edges = np.concatenate([bits, bits + 1, bits - 1, [0x7F7F_FFFF, 0x7F80_0001, 0xFFFF_FFFF, 1]])
    values = edges.astype(np.uint32).view(np.float32)[None]
    own, meant = backend.to_bf16(values), _REFERENCE.to_bf16(values)
    check(_are_same(own, meant), "bfloat16 round to even, past the largest to infinity")


def check_code_masks(backend: KernelBackend) -> None:
    """Check masks of none, all and some; bits past the last row are ignored."""
    random = np.random.default_rng(15)
    for n in (1, 8, 64, 65, 200):
        rows = random.standard_normal((n, 19), dtype=np.float32)
        query = random.standard_normal(19, dtype=np.float32)
        inv_norms = backend.normalize_f32(rows)
        for share in (0.0, 0.05, 0.5, 1.0):
            mask = np.packbits(random.random(n) < share, bitorder="little")
            check_codes_against_reference(backend, query, rows, 7, mask)
            check_half_against_reference(backend, query, rows, 7, inv_norms, mask)
        full = np.full((n + 7) // 8, 255, np.uint8)
        check_codes_against_reference(backend, query, rows, n + 9, full)


def check_code_starts(backend: KernelBackend) -> None:
    """Check codes that start at every offset of a vector, and that nothing is written."""
    random = np.random.default_rng(16)
    query = random.standard_normal(75, dtype=np.float32)
    scales = np.ones(5, np.float32)
    for offset in range(0, _CHUNK + 1, 3):
        storage = random.integers(-128, 128, offset + 5 * 75).astype(np.int8)
        before = storage.copy()
        codes = storage[offset:].reshape(5, 75)
        check_i8_against_reference(backend, query, codes, scales, 5)
        bits = codes.view(np.uint8)
        check_bits_against_reference(backend, bits[2].copy(), bits, 5)
        check(_are_same(storage, before), "inputs are not written")


def check_code_refusals(backend: KernelBackend) -> None:
    """Check that each mistake is refused in a sentence that names the argument."""
    query, ones = np.ones(8, np.float32), np.ones((9, 8), np.float32)
    codes, scales = backend.quantize_i8(ones)
    bits = backend.quantize_bits(ones)
    too_long = np.zeros((0, I8_DIMENSIONS_MAX + 1), np.int8)
    calls: list[tuple[str, Callable[..., object], tuple[object, ...], dict[str, object]]] = [
        ("query", backend.top_k_f16, (query[:3].copy(), ones.astype(np.float16), 1), {}),
        ("rows", backend.top_k_f16, (query, ones, 1), {}),
        ("rows", backend.top_k_bf16, (query, ones.astype(np.float16), 1), {}),
        ("inv_norms", backend.top_k_bf16, (query, codes.view(np.uint8).astype(np.uint16), 1),
         {"inv_norms": np.ones(8, np.float32)}),
        ("codes", backend.top_k_i8, (query, codes[:, ::2], scales, 1), {}),
        ("codes", backend.top_k_i8, (np.ones(too_long.shape[1], np.float32), too_long,
                                     np.zeros(0, np.float32), 1), {}),
        ("scales", backend.top_k_i8, (query, codes, None, 1), {}),
        ("scales", backend.top_k_i8, (query, codes, scales[1:].copy(), 1), {}),
        ("k", backend.top_k_i8, (query, codes, scales, 0), {}),
        ("mask", backend.top_k_i8, (query, codes, scales, 1), {"mask": np.ones(1, np.uint8)}),
        ("query_bits", backend.bit_top_k, (query, bits, 1), {}),
        ("mask", backend.bit_top_k, (bits[0], bits, 1), {"mask": np.ones(9, np.bool_)}),
        ("candidates", backend.rerank_f32, (query, ones, np.array([9], np.uint32), 1), {}),
        ("candidates", backend.rerank_f32, (query, ones, np.array([1]), 1), {}),
        ("query", backend.rerank_f32, (query[:2].copy(), ones, np.array([1], np.uint32), 1), {}),
        ("rows", backend.quantize_i8, (ones.astype(np.float64),), {}),
        ("rows", backend.quantize_bits, (ones[:, :0].copy(),), {}),
        ("rows", backend.to_bf16, (query,), {}),
    ]  # fmt: skip
    for argument, kernel, positional, named in calls:
        check_refused(argument, kernel, *positional, **named)


def check_codes_cancelled(backend: KernelBackend) -> None:
    """Check that a set flag stops each kernel, and that one that is not set changes nothing."""
    rows = np.random.default_rng(17).standard_normal((30, 8), dtype=np.float32)
    unset, was_set = CancelFlag(), CancelFlag().set()
    plain = backend.quantize_i8(rows)
    flagged = backend.quantize_i8(rows, cancel=unset)
    check(_are_same(plain[0], flagged[0]), "a flag that is not set changes nothing")
    for scan in _scans(backend, rows[2], rows):
        check(_are_same(scan(5, None)[1], scan(5, None, unset)[1]), "nor does it in a scan")
        _check_stops(scan, 5, None, was_set)
    candidates = np.arange(30, dtype=np.uint32)
    _check_stops(lambda: backend.rerank_f32(rows[2], rows, candidates, 5, cancel=was_set))
    for kernel in (backend.quantize_i8, backend.quantize_bits, backend.to_bf16):
        _check_stops(lambda kernel=kernel: kernel(rows, cancel=was_set))


def _check_stops(kernel: Callable[..., object], *arguments: object) -> None:
    try:
        kernel(*arguments)
    except KernelCancelled:
        return
    check(condition=False, sentence="a set flag stops the kernel")


def _scans(backend: KernelBackend, query: F32, rows: F32) -> tuple[Callable[..., Any], ...]:
    """Return each scan as a function of k, mask and cancel over the rows compressed for it."""
    binary16, bfloat16 = rows.astype(np.float16), backend.to_bf16(rows)
    codes, scales = backend.quantize_i8(rows)
    bits, query_bits = backend.quantize_bits(rows), backend.quantize_bits(query[None])[0]

    def f16(k: int, mask: U8 | None, cancel: CancelFlag | None = None) -> object:
        return backend.top_k_f16(query, binary16, k, mask=mask, cancel=cancel)

    def bf16(k: int, mask: U8 | None, cancel: CancelFlag | None = None) -> object:
        return backend.top_k_bf16(query, bfloat16, k, mask=mask, cancel=cancel)

    def i8(k: int, mask: U8 | None, cancel: CancelFlag | None = None) -> object:
        return backend.top_k_i8(query, codes, scales, k, mask=mask, cancel=cancel)

    def bit(k: int, mask: U8 | None, cancel: CancelFlag | None = None) -> object:
        return backend.bit_top_k(query_bits, bits, k, mask=mask, cancel=cancel)

    return f16, bf16, i8, bit


def _check_near(
    own: tuple[F32, NDArray[np.uint32]],
    meant: tuple[F32, NDArray[np.uint32]],
    k: int,
    limits: NDArray[np.float64],
) -> None:
    """Check scores and rows against every candidate's; `limits` are by row."""
    scores, rows = own[0].astype(np.float64), own[1].astype(np.int64)
    by_row = dict(zip(meant[1].tolist(), meant[0].tolist(), strict=True))
    check(own[0].dtype == np.float32 and own[1].dtype == np.uint32, "results have their dtypes")
    check(len(scores) == len(rows) == min(k, len(by_row)), "m is min(k, candidates)")
    check(len(set(rows.tolist()) & set(by_row)) == len(rows), "candidates are listed, each once")
    own_meant = np.array([by_row[row] for row in rows.tolist()])
    check(_are_near(scores, own_meant, limits[rows]), "each score is that of its row")
    limit = 2 * float(np.max(limits[rows], initial=0.0))
    check(_are_near(scores, meant[0][:k].astype(np.float64), limit), "the best rows are listed")
    order = np.lexsort((rows, -scores))
    check(_are_same(order, np.arange(len(order))), "best first, ties by row, NaN last")


def _tolerance(query: F32, rows: F32, inv_norms: F32 | None) -> NDArray[np.float64]:
    """Return the tolerance of each row's score: rule 1 of the vector protocol, per product."""
    with np.errstate(all="ignore"):
        limits = 1e-6 * np.abs(rows.astype(np.float64) * query).sum(axis=1)
        if inv_norms is not None:
            limits = limits * inv_norms
    finite: NDArray[np.float64] = np.nan_to_num(limits, posinf=0.0)
    return finite


def _are_near(
    own: NDArray[np.float64], meant: NDArray[np.float64], limits: NDArray[np.float64] | float
) -> bool:
    with np.errstate(all="ignore"):
        near = np.abs(own - meant) <= limits
    return bool(np.all(near | (own == meant) | (np.isnan(own) & np.isnan(meant))))


def _are_same(own: NDArray[Any], meant: NDArray[Any]) -> bool:
    if own.dtype.kind == "f":
        return own.dtype == meant.dtype and np.array_equal(own, meant, equal_nan=True)
    return np.array_equal(own, meant)


CHECKS: Final = (
    check_rerank,
    check_code_dimensions,
    check_code_row_counts,
    check_long_codes,
    check_code_ties,
    check_code_extremes,
    check_rounding,
    check_code_masks,
    check_code_starts,
    check_code_refusals,
    check_codes_cancelled,
)
