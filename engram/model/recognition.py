"""Whether something was there before, and what is like it."""

from __future__ import annotations

import msgspec

from engram.model.recollection import Interval, Recollection


class Recognition(msgspec.Struct, frozen=True):
    """How familiar a cue is, from 0 to 1, within `familiarity_interval`.

    `identical` is the id of the memory with the very same text, None without any; then familiarity
    is 1. `nearest` are the memories it is most like, best first; `note` says why there are none.
    """

    familiarity: float
    familiarity_interval: Interval
    identical: str | None
    nearest: tuple[Recollection, ...]
    note: str | None = None
