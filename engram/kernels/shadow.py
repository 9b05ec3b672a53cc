"""A backend that answers as Zig does and checks one call in N against numpy, in the background.

Rule 1: answers are the primary's, always; a difference is counted and logged, never raised.
Rule 2: what the check costs is bounded: one thread, a short queue (when it is full the sample is
        skipped and counted), copies of small arrays only.
Rule 3: an array over COPY_BYTES_MAX is held, not copied. Engram's own columns never change below
        the row count a view was given (engram.state.columns), so a recall is checked over the very
        bytes it saw. A program that writes to its arrays while a sample waits is noticed by a
        fingerprint of them, and the sample dropped; a write it does not touch goes unnoticed.
"""

from __future__ import annotations

import inspect
import logging
import threading
from collections import Counter
from queue import Full, Queue
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np

from engram.kernels.agreement import Verdict, compare
from engram.kernels.protocol import KernelBackend
from engram.model.errors import EngramError, InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

COPY_BYTES_MAX: Final = 1 << 20
"""Copied in 20 us; the columns of a space are larger and held."""

QUEUE_COUNT_MAX: Final = 16
_FINGERPRINT_BYTES: Final = 256
_DEEPER_ROWS: Final = 16
_LOGGED_FULLY: Final = 10
_logger: Final = logging.getLogger("engram.kernels")


def kernel_names() -> tuple[str, ...]:
    """Return the name of every kernel of the protocol."""
    functions = inspect.getmembers(KernelBackend, inspect.isfunction)
    return tuple(name for name, _ in functions if not name.startswith("_"))


class ShadowStats(NamedTuple):
    """What the shadow has seen since the process began."""

    calls: int
    sampled: int
    """Calls chosen: one in `one_in` of each kernel, the first of all."""
    checked: int
    """Samples that were compared."""
    differences: int
    """Of those, how many differed beyond the tolerance."""
    skipped: int
    """Samples that were not compared: the queue was full, or numpy failed."""
    changed: int
    """Samples whose arguments had been written to meanwhile."""
    one_in: int
    by_kernel: Mapping[str, tuple[int, int]]
    """Checked samples and differences of each kernel that was checked."""


_Print: TypeAlias = tuple[np.ndarray[Any, Any], bytes]


class _Sample(NamedTuple):
    kernel: str
    arguments: dict[str, Any]
    prints: list[_Print]
    result: Any


class ShadowBackend:
    """The primary's kernels, watched; every kernel of the protocol is, without being named here.

    Its thread starts with the first sample and is the only one a backend has.

    Args:
        primary: answers.
        judge: is compared with.
        share: which share of each kernel's calls is checked, in (0, 1]: one in round(1 / share).
    """

    name: Literal["shadow"] = "shadow"

    def __init__(self, primary: KernelBackend, judge: KernelBackend, share: float) -> None:
        if not 0.0 < share <= 1.0:
            raise InvalidRequest(f"a share of {share} is not above 0 and at most 1")
        self.primary, self.judge = primary, judge
        self.one_in = round(1 / share)
        self._queue: Queue[_Sample] = Queue(QUEUE_COUNT_MAX)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._calls: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._checked: Counter[str] = Counter()
        self._differences: Counter[str] = Counter()
        for kernel in kernel_names():
            setattr(self, kernel, self._watched(kernel))

    def __getattr__(self, name: str) -> Any:
        """Return what is no kernel from the primary."""
        return getattr(self.primary, name)

    @property
    def isa(self) -> str:
        """Level of the primary."""
        return self.primary.isa

    def stats(self) -> ShadowStats:
        """Return the numbers so far."""
        with self._lock:
            checked, differences = Counter(self._checked), Counter(self._differences)
            counts, calls = Counter(self._counts), self._calls.total()
        return ShadowStats(
            calls=calls,
            sampled=counts["sampled"],
            checked=checked.total(),
            differences=differences.total(),
            skipped=counts["skipped"],
            changed=counts["changed"],
            one_in=self.one_in,
            by_kernel={name: (checked[name], differences[name]) for name in sorted(checked)},
        )

    def wait_checked(self) -> None:
        """Return when every sample taken so far has been compared."""
        self._queue.join()

    def _watched(self, kernel: str) -> Callable[..., Any]:
        run = getattr(self.primary, kernel)
        signature = inspect.signature(getattr(KernelBackend, kernel))
        calls, lock, one_in = self._calls, self._lock, self.one_in

        def call(*arguments: Any, **named: Any) -> Any:
            with lock:
                number = calls[kernel]
                calls[kernel] = number + 1
            if number % one_in:
                return run(*arguments, **named)
            sample = self._begin(kernel, signature, arguments, named)
            result = run(*arguments, **named)
            if sample is not None:
                self._offer(sample, result)
            return result

        return call

    def _begin(
        self,
        kernel: str,
        signature: inspect.Signature,
        arguments: tuple[Any, ...],
        named: dict[str, Any],
    ) -> _Sample | None:
        """Keep the arguments as they are before the call, which may write to its `out`."""
        try:
            bound = signature.bind(None, *arguments, **named).arguments
        except TypeError:
            return None  # the call itself will say what is wrong with it
        given = dict(list(bound.items())[1:])
        given.pop("cancel", None)
        out = given.pop("out", None)
        with self._lock:
            self._counts["sampled"] += 1
            if self._queue.full():
                self._counts["skipped"] += 1
                return None
        prints: list[_Print] = []
        kept = {name: _kept(value, prints) for name, value in given.items()}
        if isinstance(out, np.ndarray):
            kept["out"] = np.empty_like(out)
        return _Sample(kernel, kept, prints, None)

    def _offer(self, sample: _Sample, result: Any) -> None:
        sample = sample._replace(result=_kept(result, sample.prints))
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._work, name="engram kernel shadow", daemon=True
                )
                self._thread.start()
        try:
            self._queue.put_nowait(sample)
        except Full:
            with self._lock:
                self._counts["skipped"] += 1

    def _work(self) -> None:
        while True:
            sample = self._queue.get()
            try:
                self._check(sample)
            except Exception:
                _logger.exception(
                    "the shadow of kernel %s failed; no answer is affected", sample.kernel
                )
                with self._lock:
                    self._counts["skipped"] += 1
            finally:
                self._queue.task_done()
                del sample

    def _check(self, sample: _Sample) -> None:
        try:
            run, arguments = getattr(self.judge, sample.kernel), sample.arguments
            verdict = compare(
                sample.kernel,
                arguments,
                sample.result,
                run(**arguments),
                lambda: run(**{**arguments, "k": 2 * arguments["k"] + _DEEPER_ROWS}),
            )
        except EngramError as error:
            verdict = Verdict(f"answers where {self.judge.name} says: {error}", np.nan)
        is_changed = any(_fingerprint(array) != before for array, before in sample.prints)
        with self._lock:
            if is_changed:
                self._counts["changed"] += 1
                return
            self._checked[sample.kernel] += 1
            if not verdict.sentence:
                return
            self._differences[sample.kernel] += 1
            count = self._differences.total()
        # A broken machine differs at every call: say ten, then every doubling.
        if count <= _LOGGED_FULLY or count & (count - 1) == 0:
            _logger.warning(
                "kernel %s of %s (%s) differs from %s: %s; largest difference %.3g; %s; "
                "difference %d so far. Answers are %s's; ENGRAM_KERNELS=numpy gives the other's",
                sample.kernel,
                self.primary.name,
                self.primary.isa,
                self.judge.name,
                verdict.sentence,
                verdict.largest,
                _sizes(sample.arguments),
                count,
                self.primary.name,
            )


def _kept(value: Any, prints: list[_Print]) -> Any:
    """Return a value as it will be when the sample is checked, or note how it is now."""
    if isinstance(value, np.ndarray):
        if value.nbytes <= COPY_BYTES_MAX:
            return value.copy()
        prints.append((value, _fingerprint(value)))
        return value
    if isinstance(value, (tuple, list)):
        parts = [_kept(part, prints) for part in value]
        return tuple(parts) if type(value) is tuple else _rebuilt(value, parts)
    return value


def _rebuilt(value: Any, parts: list[Any]) -> Any:
    return type(value)._make(parts) if hasattr(value, "_make") else type(value)(parts)


def _fingerprint(array: np.ndarray[Any, Any]) -> bytes:
    """Return bytes from all over an array; an odd step visits every byte of an element."""
    flat = array.reshape(-1).view(np.uint8)
    return flat[:: (len(flat) // _FINGERPRINT_BYTES) | 1].tobytes()


def _sizes(arguments: Mapping[str, Any]) -> str:
    sizes = []
    for name, value in arguments.items():
        if isinstance(value, np.ndarray):
            sizes.append(f"{name} {value.dtype}{list(value.shape)}")
        elif isinstance(value, (int, float, str)):
            sizes.append(f"{name} {value}")
    return ", ".join(sizes)
