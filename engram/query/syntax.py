"""Statements as typed trees: what was written, checked as far as text alone tells."""

from __future__ import annotations

from typing import Final

import msgspec

from engram.model.conditions import Ago, Compare, Condition, Moment, Parameter, Span

Time = Moment | Ago | Parameter
Number = int | float | Parameter
Count = int | Parameter
Name = str | Parameter

PLAIN: Final = ""
EXPLAIN: Final = "EXPLAIN"
PROFILE: Final = "PROFILE"


class MemoryCue(msgspec.Struct, frozen=True, gc=False):
    """A memory by its id, as what others are recalled by."""

    id: str


class VectorCue(msgspec.Struct, frozen=True, gc=False):
    """A vector, and how alike a memory must be at least, as a cosine; None: any."""

    numbers: tuple[float, ...] | Parameter
    threshold: Number | None = None


Cue = str | MemoryCue | VectorCue | Parameter


class Bound(msgspec.Struct, frozen=True, gc=False):
    """What a number is compared with."""

    operator: str
    value: Number


class Order(msgspec.Struct, frozen=True, gc=False):
    """By what an answer is sorted."""

    key: str
    descending: bool = False


class Recall(msgspec.Struct, frozen=True, gc=False):
    """RECALL: what a cue brings to mind."""

    cue: Cue
    where: Condition | None = None
    confidence: Bound | None = None
    base_rate: Number | None = None
    as_of: Time | None = None
    order: Order | None = None
    limit: Count | None = None
    offset: Count | None = None


class Spread(msgspec.Struct, frozen=True, gc=False):
    """SPREAD: what becomes active when some memories are."""

    sources: tuple[Name, ...]
    max_hops: Count | None = None
    decay: Number | None = None
    threshold: Number | None = None
    kinds: tuple[Name, ...] = ()
    limit: Count | None = None


class Predict(msgspec.Struct, frozen=True, gc=False):
    """PREDICT: what followed some memories, as far as it is what was asked for."""

    cue: Cue
    given: tuple[Name, ...]
    horizon: Span | Parameter | None = None
    confidence: Bound | None = None
    limit: Count | None = None


class Imagine(msgspec.Struct, frozen=True, gc=False):
    """IMAGINE: blends of what a cue brings to mind."""

    cue: Cue
    based_on: tuple[Name, ...] = ()
    novelty: Number | None = None
    confidence: Bound | None = None
    limit: Count | None = None


class Consolidate(msgspec.Struct, frozen=True, gc=False):
    """CONSOLIDATE: a concept of a name, from what meets a condition, or what a cue brings to mind.

    Just one of `cue` and `where` is there.
    """

    cue: Cue | None
    where: Condition | None
    into: Name


class Complete(msgspec.Struct, frozen=True, gc=False):
    """COMPLETE: an episode of which some fields are given."""

    given: tuple[Compare, ...]
    limit: Count | None = None


class ShowSpaces(msgspec.Struct, frozen=True, gc=False):
    """SHOW SPACES: the memory spaces of the store."""


class ShowStats(msgspec.Struct, frozen=True, gc=False):
    """SHOW STATS: what a space holds."""


class ShowConcepts(msgspec.Struct, frozen=True, gc=False):
    """SHOW CONCEPTS: what consolidation formed."""

    limit: Count | None = None


class ShowAssociations(msgspec.Struct, frozen=True, gc=False):
    """SHOW ASSOCIATIONS OF a memory."""

    memory: Name
    direction: str | None = None
    kinds: tuple[Name, ...] = ()
    limit: Count | None = None


class ShowPaths(msgspec.Struct, frozen=True, gc=False):
    """SHOW PATHS FROM one memory TO another."""

    source: Name
    target: Name
    how: str | None = None
    kinds: tuple[Name, ...] = ()
    max_hops: Count | None = None
    limit: Count | None = None
    deadline: Span | Parameter | None = None


class ShowContradictions(msgspec.Struct, frozen=True, gc=False):
    """SHOW CONTRADICTIONS, of all memories or of one."""

    memory: Name | None = None
    limit: Count | None = None


class ShowBeliefs(msgspec.Struct, frozen=True, gc=False):
    """SHOW BELIEFS OF a concept: what it said from when until when."""

    concept: Name


Show = (
    ShowSpaces
    | ShowStats
    | ShowConcepts
    | ShowAssociations
    | ShowPaths
    | ShowContradictions
    | ShowBeliefs
)
Body = Recall | Spread | Predict | Imagine | Consolidate | Complete | Show


class Statement(msgspec.Struct, frozen=True, gc=False):
    """A whole statement; `mode` is PLAIN, EXPLAIN or PROFILE, `space` None for the caller's own."""

    body: Body
    mode: str = PLAIN
    space: Name | None = None
