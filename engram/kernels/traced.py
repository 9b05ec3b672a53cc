"""Kernels whose calls are spans of what asked for them."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, cast

from engram.kernels.shadow import kernel_names

if TYPE_CHECKING:
    from collections.abc import Callable

    from engram.kernels.protocol import KernelBackend
    from engram.ports import Tracer


class _TracedKernels:
    """The kernels of a backend; every kernel of the protocol is a span, without being named here.

    A call outside of any span, as in the background, is none.
    """

    def __init__(self, backend: KernelBackend, tracer: Tracer) -> None:
        self._backend = backend
        for kernel in kernel_names():
            setattr(self, kernel, _traced(tracer, f"kernel {kernel}", getattr(backend, kernel)))

    def __getattr__(self, name: str) -> Any:
        """Return what is no kernel from the backend."""
        return getattr(self._backend, name)


def traced_kernels(backend: KernelBackend, tracer: Tracer | None) -> KernelBackend:
    """Return the backend as it is, or with its calls as spans of a tracer."""
    return backend if tracer is None else cast("KernelBackend", _TracedKernels(backend, tracer))


def _traced(tracer: Tracer, name: str, run: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(run)
    def call(*arguments: Any, **named: Any) -> Any:
        with tracer.within(name):
            return run(*arguments, **named)

    return call
