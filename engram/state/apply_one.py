"""Apply the event of one memory: the same as the columns of `apply`, a value at a time.

A lone write is what a caller waits for, and a column operation costs ten times an assignment. That
both ways lead to the same state is a property test.
"""

from __future__ import annotations

import math
import struct
from typing import Final

import numpy as np

from engram.model.errors import check
from engram.model.events import Remembered, Vectors
from engram.model.particulars import LABEL_MASK, PRIORITY_DEFAULT
from engram.state.apply_edges import link_row
from engram.state.particulars import append_particulars
from engram.state.space import ALIVE, DATED, HAS_VECTOR, LINKED, SpaceState

_I64: Final = struct.Struct("<q")
_U64: Final = struct.Struct("<Q")
_U32: Final = struct.Struct("<I")
_F32: Final = struct.Struct("<f")
_ID: Final = struct.Struct("<QQ")


def remembered_one(state: SpaceState, event: Remembered, vectors: Vectors) -> None:
    """Store the one memory of `event` behind the last row."""
    row = state.count
    columns = state.columns
    high, low = _ID.unpack(event.ids)
    (recorded,) = _I64.unpack(event.recorded_at)
    (key,) = _U64.unpack(event.content_keys)
    labels = [0, *map(state.labels.intern, event.labels)]
    flags = ALIVE | DATED * event.dated[0] | HAS_VECTOR * _append_vector(state, event, vectors)
    columns["content_address"].append_one(state.hot.contents.append(event.contents))
    columns["content_bytes"].append_one(len(event.contents))
    columns["metadata_address"].append_one(state.hot.metadata.append(event.metadata))
    columns["metadata_bytes"].append_one(len(event.metadata))
    columns["id_high"].append_one(high)
    columns["id_low"].append_one(low)
    columns["recorded_at"].append_one(recorded)
    columns["reviewed_at"].append_one(recorded)
    columns["occurred_at"].append_one(_I64.unpack(event.occurred_at)[0])
    columns["stability_days"].append_one(_F32.unpack(event.stabilities)[0])
    columns["difficulty"].append_one(_F32.unpack(event.difficulties)[0])
    columns["confidence"].append_one(_F32.unpack(event.confidences)[0])
    columns["kind"].append_one(event.kinds[0])
    columns["content_key"].append_one(key)
    columns["seen_count"].append_one(1)
    columns["source"].append_one(labels[_U32.unpack(event.sources)[0]])
    columns["session"].append_one(labels[_U32.unpack(event.sessions)[0]])
    columns["tag_start"].append_one(state.tags.count)
    columns["tag_count"].append_one(event.tag_counts[0])
    for (number,) in _U32.iter_unpack(event.tags):
        state.tags.append_one(labels[number & LABEL_MASK] | number & ~LABEL_MASK)
    if event.particulars is None:
        columns["ended_at"].append_one(0)
        columns["priority"].append_one(PRIORITY_DEFAULT)
    else:
        append_particulars(state, event.particulars, 1)
    if event.linked and event.linked[0]:
        flags |= LINKED
    columns["flags"].append_one(flags)
    state.ids.add(low, row)
    if key:
        state.content_keys.add(key, row)
    state.recorded_last = recorded
    if flags & LINKED:
        link_row(state, event, row, recorded)


def _append_vector(state: SpaceState, event: Remembered, vectors: Vectors) -> bool:
    """Take a hot slot, with the vector when there is one; return whether there is."""
    hot = state.hot
    state.columns["place"].append_one(hot.count)
    hot.rows.append_one(state.count)
    (norm,) = _F32.unpack(event.inverse_norms)
    if math.isnan(norm) or not event.dimensions:
        hot.norms.append_one(0.0)
        if hot.vectors is not None:
            hot.vectors.append_zeros(1)
        return False
    column = state.vector_column(event.embedder, event.dimensions)
    check(len(vectors) == 4 * event.dimensions, "there is a vector for each norm")
    column.append_one(np.frombuffer(vectors, "<f4"))
    hot.norms.append_one(norm)
    state.vector_count += 1
    return True
