"""What a recall is asked, what it reads, and what it finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engram.kernels.arrays import F32
from engram.kernels.cancel import CancelFlag
from engram.kernels.protocol import KernelBackend
from engram.kernels.records.columns import PagedColumns
from engram.model.cue import Filters
from engram.retrieval import tiered
from engram.retrieval.evidence import Evidence
from engram.retrieval.filters import RowMasks
from engram.retrieval.fusion import FusionWeights
from engram.retrieval.graph import SpaceGraph
from engram.retrieval.priming import Primed
from engram.retrieval.seeding import SpreadingWeights
from engram.retrieval.sketch_index import SketchView
from engram.retrieval.word_view import WordView
from engram.state.space import View

SIMILARITY: Final = "similarity"
SPREADING: Final = "spreading"
HYBRID: Final = "hybrid"
MODES: Final = (SIMILARITY, SPREADING, HYBRID)

_WEIGHTS: Final = FusionWeights()
_SPREADING: Final = SpreadingWeights()


class Cue(NamedTuple):
    """What is searched for, ready: `vector` is a float32[d] of length 1.

    `rows` are the memories the cue consists of, beside or instead of the others. They are not
    listed. Without text and vector, their mean is what candidates are compared with. `primed` is
    what the cue's session was recalling.
    """

    text: str | None
    vector: NDArray[np.float32] | None
    filters: Filters
    limit: int
    explain: bool = False
    mode: str = HYBRID
    rows: tuple[int, ...] = ()
    primed: Primed | None = None


class Hit(NamedTuple):
    """One recalled row with its fused score and parts, and what supports it.

    `left` is what interference has left of its strength, `raised` by how much priming raised it;
    `lead` by how much the best scored higher than the next, `rank` how many scored higher.
    """

    row: int
    score: float
    parts: dict[str, float]
    matched_terms: tuple[str, ...]
    evidence: Evidence
    left: float = 1.0
    raised: float = 0.0
    lead: float = 0.0
    rank: int = 0


class Spreading(NamedTuple):
    """What spreading came to: seeds, nodes reached, edges read, and whether the budget ended it."""

    seeds_count: int
    reached_count: int
    edges_touched: int
    is_partial: bool


class Found(NamedTuple):
    """What the pipeline found, best first, and how long each stage took in microseconds.

    `unrelated` is the cosine that counts as none, `terms_known` how many of the cue's words some
    text has, `terms_unknown` how many none has.
    """

    hits: list[Hit]
    candidates: int
    timings_us: dict[str, float]
    spreading: Spreading | None = None
    unrelated: float | None = None
    terms_known: int = 0
    terms_unknown: int = 0
    has_vector: bool = False


class Sources(NamedTuple):
    """What a recall reads besides the view, and who computes.

    `masks_of` gives the rows that pass filters (`RowMasker`); `unrelated` says what the cosine of a
    cue with an unrelated row is like in the view. `share` may begin a part of the search in another
    thread (`Readers.share`). `sketches_at` gives those of the bodies in RAM; without, all of them
    are scanned. `ranked` gives the columns that candidates are ranked by (`RecordColumns`).
    `on_stage` hears of each stage that ended, and how long it took in ns.
    """

    kernels: KernelBackend
    words_at: Callable[[View], WordView]
    graph_at: Callable[[View, int | None], SpaceGraph]
    masks_of: Callable[[View, Filters, int, CancelFlag | None], RowMasks]
    unrelated: Callable[[View, F32], float]
    ranked: Callable[[View], PagedColumns]
    monotonic: Callable[[], int]
    share: Callable[[tiered.Scan], tiered.Scan] = tiered.alone
    sketches_at: Callable[[View, CancelFlag | None], SketchView | None] = lambda *_: None
    weights: FusionWeights = _WEIGHTS
    spreading: SpreadingWeights = _SPREADING
    on_stage: Callable[[str, int], None] | None = None
