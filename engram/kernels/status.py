"""What a status of the Zig library means in Python."""

from __future__ import annotations

from engram.kernels import _zig_bindings as abi
from engram.model.errors import InvariantViolated, KernelCancelled


def raise_status(status: int) -> None:
    """Raise the error a negative `status` stands for.

    Raises:
        KernelCancelled: the caller's flag was set.
        InvariantViolated: arguments that were checked are not valid to the kernel: a bug.
    """
    if status >= 0:
        return
    if status == abi.STATUS_CANCELLED:
        raise KernelCancelled
    raise InvariantViolated(f"checked arguments are valid to the kernel (status {status})")
