"""A flag another thread sets to stop a kernel that runs."""

from __future__ import annotations

from ctypes import addressof, c_uint32
from typing import TYPE_CHECKING

from engram.model.errors import KernelCancelled

if TYPE_CHECKING:
    from typing import Self


class CancelFlag:
    """Asks every kernel it was given to, to stop; kernels look some 10,000 times a second.

    Set from any thread, for good: a flag is for one piece of work. Whoever passes it to a kernel
    keeps it alive until the call returns.
    """

    __slots__ = ("_word", "address")

    def __init__(self) -> None:
        self._word = c_uint32(0)
        self.address = addressof(self._word)

    def set(self) -> Self:
        """Ask kernels to stop; they raise `KernelCancelled`."""
        self._word.value = 1
        return self

    @property
    def is_set(self) -> bool:
        """Whether kernels are asked to stop."""
        return self._word.value != 0

    def check(self) -> None:
        """Raise KernelCancelled when kernels are asked to stop."""
        if self._word.value:
            raise KernelCancelled
