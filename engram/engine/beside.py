"""What stands beside the state of a space: indexes made of it, and who looks after it."""

from __future__ import annotations

from typing import cast

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

    def __init__(self) -> None:
        self.words, self.graph, self.accesses = Words(), GraphIndex(), Accesses()
        self.unrelated_cosine, self.records = UnrelatedCosine(), RecordColumns()
        self.row_masks, self.sketches, self.facts = RowMasker(), SketchIndex(), FactIndex()
        self.checkpointer: Checkpointer | None = None
        self.compactor: Compactor | None = None
        self.eraser: Eraser | None = None

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
