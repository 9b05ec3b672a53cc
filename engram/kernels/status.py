"""What a status of the Zig library means in Python."""

from __future__ import annotations

from engram.kernels import _zig_bindings as abi
from engram.kernels.arena import raise_refusal
from engram.model.errors import InvariantViolated, KernelCancelled


def raise_status(status: int) -> None:
    """Raise the error a negative `status` stands for.

    Raises:
        ArenaExhausted: the call needs more scratch memory than its thread's arena has.
        KernelCancelled: the caller's flag was set.
        InvariantViolated: arguments that were checked are not valid to the kernel: a bug.
        MemoryError: the operating system gave no scratch memory.
    """
    if status >= 0:
        return
    if status == abi.STATUS_CANCELLED:
        raise KernelCancelled
    if status == abi.STATUS_OUT_OF_SPACE:
        raise_refusal()
    raise InvariantViolated(f"checked arguments are valid to the kernel (status {status})")
