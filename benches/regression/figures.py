"""What a measurement is, and what of it is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

COUNTS: Final = "counts"
OPERATIONS: Final = "operations"
KERNELS: Final = "kernels"
"""The names of the groups that are no end-to-end workloads."""


class Limit(msgspec.Struct, frozen=True):
    """A "must reach": an absolute bound a figure has to keep, whatever the baseline says."""

    what: str
    value: float
    bound: float
    at_least: bool = False

    def shortfall(self) -> float:
        """Return by which factor the bound is missed; 1 or less when it is kept."""
        if self.at_least:
            return self.bound / self.value if self.value else float("inf")
        if not self.bound:
            return float("inf") if self.value else 0.0
        return self.value / self.bound


class Figure(msgspec.Struct, frozen=True):
    """One workload measured beside its floor in the same run; times in microseconds."""

    name: str
    subject_us: float
    floor_us: float
    floor: str
    ratio: float
    extras: dict[str, float] = {}
    limits: tuple[Limit, ...] = ()


class Machine(msgspec.Struct, frozen=True):
    """What ratios depend on."""

    cpu: str
    kernels: str
    isa: str
    python: str
    numpy: str


class Report(msgspec.Struct, frozen=True):
    """Everything one run measured.

    Attributes:
        machine: what the figures depend on.
        figures: end-to-end workloads beside their floors.
        kernels: kernel calls beside the same calls in the frozen library.
        instructions: of each kernel call.
        operations: instructions of each whole operation, in Python and out of it.
        skipped: groups, and kernel calls, that could not be measured, with the reason.
        seconds: what each group took.
    """

    machine: Machine
    figures: tuple[Figure, ...] = ()
    kernels: tuple[Figure, ...] = ()
    instructions: dict[str, int] = {}
    operations: dict[str, int] = {}
    skipped: dict[str, str] = {}
    seconds: dict[str, float] = {}


class Held(msgspec.Struct, frozen=True):
    """A ratio to hold, and how far above it unchanged code was seen to come."""

    ratio: float
    line: float


class Baseline(msgspec.Struct, frozen=True):
    """What `baselines.json` holds.

    Attributes:
        commit: the last that changed the kernels; the frozen library is built from it.
        date: of the measurement, UTC.
        reason: why it replaced the one before.
        machine: where it was measured.
        instructions: of each kernel call.
        kernels: the ratios of each kernel call to the same in the frozen library, which was the
            same code: the noise that was seen.
        ratios: what the end-to-end workloads have to hold.
        operations: instructions of each whole operation.
    """

    commit: str
    date: str
    reason: str
    machine: Machine
    instructions: dict[str, int]
    kernels: dict[str, float]
    ratios: dict[str, Held]
    operations: dict[str, int] = {}


BASELINE_PATH: Final = Path(__file__).with_name("baselines.json")


def read_baseline(path: Path = BASELINE_PATH) -> Baseline:
    """Return the baseline that is held now."""
    return msgspec.json.decode(path.read_bytes(), type=Baseline)


def write_json(path: Path, value: object) -> None:
    """Write structures as JSON that people can read, too."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
