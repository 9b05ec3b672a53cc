"""The labels that memories of a space have: tags, entities, sources and the like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engram.model.cue import NO_FILTERS
from engram.model.errors import InvalidRequest
from engram.model.label_counts import LABEL_FIELDS
from engram.retrieval.label_counts import labels_counted
from engram.service.questions import check_limit

if TYPE_CHECKING:
    from engram.engine.space_engine import SpaceEngine
    from engram.kernels.cancel import CancelFlag
    from engram.model.label_counts import LabelCount
    from engram.service.core import Core


async def label_counts(
    core: Core, engine: SpaceEngine, field: str, prefix: str, limit: int
) -> list[LabelCount]:
    """Carry out `Space.labels` over the newest durable view."""
    if field not in LABEL_FIELDS:
        raise InvalidRequest(f"field {field!r} is not one of {', '.join(LABEL_FIELDS)}")
    if not isinstance(prefix, str):
        raise InvalidRequest(f"prefix {prefix!r} is not text")
    view, now = engine.view, core.clock.now()
    limit = check_limit(limit)

    def count(cancel: CancelFlag) -> list[LabelCount]:
        rows = np.flatnonzero(engine.row_masks.rows(view, NO_FILTERS, now))
        return labels_counted(view, rows, field, prefix, limit, cancel)

    return await engine.readers.run(count)
