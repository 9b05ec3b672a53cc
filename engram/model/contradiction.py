"""Contradictions: memories that say different things of the same subject."""

from __future__ import annotations

import msgspec

from engram.model.memory import Memory


class Claim(msgspec.Struct, frozen=True):
    """What one memory says of a subject; `denied` when it says that it is not so."""

    value: str
    denied: bool
    memory: Memory

    def __str__(self) -> str:
        """Return what it claims."""
        return f"not {self.value}" if self.denied else self.value


class Contradiction(msgspec.Struct, frozen=True):
    """A subject of which current memories say what cannot be true together.

    `subject` is a `fact_key`, and `relation` None; or somebody or something a text speaks of, and
    `relation` what is said of it ("lives in"). `claims` are those that another one contradicts, the
    last remembered first; `claims_count` says how many there are in all.
    """

    subject: str
    relation: str | None
    claims: tuple[Claim, ...]
    claims_count: int

    def __str__(self) -> str:
        """Return the contradiction on one line."""
        values = dict.fromkeys(map(str, self.claims))
        what = self.subject if self.relation is None else f"{self.subject} {self.relation}"
        return f"{what}: {' / '.join(values)}"
