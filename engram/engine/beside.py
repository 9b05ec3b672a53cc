"""What stands beside the state of a space: indexes made of it, and who looks after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import anyio

from engram.engine.accesses import Accesses
from engram.engine.checkpointer import Checkpointer
from engram.engine.compactor import Compactor
from engram.engine.eraser import Eraser
from engram.engine.words import Words
from engram.model.errors import check
from engram.retrieval.facts import FactIndex
from engram.retrieval.filters import RowMasker
from engram.retrieval.graph import GraphIndex
from engram.retrieval.records import RecordColumns
from engram.retrieval.sketch_index import SketchIndex
from engram.retrieval.vectors import UnrelatedCosine


class Beside:
    """The part of a space's engine that decides nothing and writes nothing."""

    def __init__(self, words: Words | None = None, sketches: SketchIndex | None = None) -> None:
        self.words, self.sketches = words or Words(), sketches or SketchIndex()
        self.graph, self.accesses = GraphIndex(), Accesses()
        self.unrelated_cosine, self.records = UnrelatedCosine(), RecordColumns()
        self.row_masks, self.facts = RowMasker(), FactIndex()
        self.checkpointer: Checkpointer | None = None
        self.compactor: Compactor | None = None
        self.eraser: Eraser | None = None
        self._begin: Callable[[], object] | None = None
        self._grown: anyio.Event | None = None  # while nobody has asked for it

    def begin_later(self, begin: Callable[[], object]) -> None:
        """Have `begin` called when the writer is needed for the first time, or `begin` is."""
        self._begin = begin

    @property
    def has_begun(self) -> bool:
        """Whether nothing waits for `begin`."""
        return self._begin is None

    def begin(self) -> None:
        """Begin what goes on beside the verbs, the writer too; harmless when repeated."""
        begin, self._begin = self._begin, None
        if begin is not None:
            begin()

    def _give_up_beginning(self) -> bool:
        """Have nothing begin any more; return whether nothing had.

        Followers look again then: no writer will tell them that the space is closed.
        """
        begin, self._begin = self._begin, None
        if begin is not None:
            self._note_growth()
        return begin is not None

    @property
    def grown(self) -> anyio.Event:
        """Set, and another put in its place, when something is committed or moved, and last."""
        if self._grown is None:
            self._grown = anyio.Event()
        return self._grown

    def _note_growth(self) -> None:
        grown, self._grown = self._grown, None
        if grown is not None:
            grown.set()

    @property
    def checkpoints(self) -> Checkpointer:
        """Who takes the snapshots of this space."""
        check(self.checkpointer is not None, "the registry gives each space a checkpointer")
        return cast("Checkpointer", self.checkpointer)

    @property
    def compactions(self) -> Compactor:
        """Who drops the rows of this space that nobody may ask about any more."""
        check(self.compactor is not None, "the registry gives each space a compactor")
        return cast("Compactor", self.compactor)

    @property
    def erasures(self) -> Eraser:
        """Who takes the bytes of erased memories of this space out of its files."""
        check(self.eraser is not None, "the registry gives each space an eraser")
        return cast("Eraser", self.eraser)
