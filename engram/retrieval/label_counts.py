"""Which labels memories have, and how many memories have each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from engram.model.label_counts import LabelCount
from engram.model.particulars import ENTITY, FACT_KEY, LABEL_MASK
from engram.state.columns import RowSet, take

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engram.kernels.cancel import CancelFlag
    from engram.state.space import View

_BITS: Final = {"tag": 0, "entity": ENTITY, "fact_key": FACT_KEY}
# So many labels are compared with what was begun before anybody may stop it.
_LABELS_COUNT: Final = 10_000


def labels_counted(
    view: View, rows: NDArray[np.int64], field: str, prefix: str, limit: int, cancel: CancelFlag
) -> list[LabelCount]:
    """Return the labels that some rows have in a field and that begin so, in any case of letters.

    Those of most rows come first, of as many in the order of their letters; `limit` at most.
    """
    if not len(rows):
        return []
    numbers = _tagged(view, rows, _BITS[field]) if field in _BITS else view.gather(field, rows)
    counts = np.bincount(numbers)
    counts[:1] = 0  # the number of none
    used = np.flatnonzero(counts)
    names, begun = view.labels.labels, prefix.casefold()
    fitting: list[LabelCount] = []
    for start in range(0, len(used), _LABELS_COUNT):
        cancel.check()
        fitting += [
            LabelCount(names[number], int(counts[number]))
            for number in used[start : start + _LABELS_COUNT].tolist()
            if names[number].casefold().startswith(begun)
        ]
    return sorted(fitting, key=lambda each: (-each.memories, each.label))[:limit]


def _tagged(view: View, rows: NDArray[np.int64], bits: int) -> NDArray[np.uint32]:
    """Return the numbers of the labels of one sort that some rows have, one after the other."""
    chosen = RowSet(rows)
    counts = chosen.take(view.columns["tag_count"]).astype(np.int64)
    if not counts.any():
        return np.zeros(0, np.uint32)
    starts = chosen.take(view.columns["tag_start"]).astype(np.int64)
    at = np.repeat(starts - (np.cumsum(counts) - counts), counts) + np.arange(int(counts.sum()))
    found: NDArray[np.uint32] = take(view.tags, at).astype(np.uint32)
    kept: NDArray[np.uint32] = found[(found & ~np.uint32(LABEL_MASK)) == np.uint32(bits)]
    return kept & np.uint32(LABEL_MASK)
