"""What a part of an episode is completed to, from what is stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

EPISODE_FIELDS: Final = ("what", "where", "who", "why", "how")
"""The fields of an episode; any of them may be given, the others are completed."""

HYPOTHESES_MAX: Final = 3

GIVEN: Final = "given"
RECALLED: Final = "recalled"
RECONSTRUCTED: Final = "reconstructed"
IMAGINED: Final = "imagined"
CONSOLIDATED: Final = "consolidated"


class CompletedField(msgspec.Struct, frozen=True, gc=False):
    """One field of a completed episode: every value is copied from the memories in `evidence`.

    `source` is `given` (by the caller), `recalled` (of one memory that has all that was given),
    `reconstructed` (of memories that have some of it), `imagined` (of memories that have none of
    it, only what was completed), or `consolidated` (of a concept). `who` is a tuple of names.
    """

    value: str | tuple[str, ...]
    source: str
    confidence: float
    evidence: tuple[str, ...] = ()


class Hypothesis(msgspec.Struct, frozen=True):
    """One way to complete an episode; `confidence` is the mean of the fields that were not given.

    A field that no similar episode has is not there.
    """

    fields: Mapping[str, CompletedField]
    confidence: float

    def __getitem__(self, field: str) -> CompletedField:
        """Return one field; KeyError when nothing is known of it."""
        return self.fields[field]

    @property
    def evidence(self) -> tuple[str, ...]:
        """The ids of all memories its fields were copied from, each once."""
        return tuple(dict.fromkeys(each for one in self.fields.values() for each in one.evidence))


class Completion(msgspec.Struct, frozen=True):
    """Up to three hypotheses, the surest first; `note` says why there is none."""

    hypotheses: tuple[Hypothesis, ...]
    note: str | None = None

    def __iter__(self) -> Iterator[Hypothesis]:
        """Iterate the hypotheses, the surest first."""
        return iter(self.hypotheses)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.hypotheses)

    def __getitem__(self, position: int) -> Hypothesis:
        """Return the hypothesis at a rank, 0 being the surest."""
        return self.hypotheses[position]
