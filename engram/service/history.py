"""How far back a space can be asked what it knew."""

from __future__ import annotations

from typing import Final

from engram.engine.space_engine import SpaceEngine
from engram.model.errors import InvalidRequest
from engram.model.memory import to_datetime
from engram.state.space import View

_NS: Final = 1_000_000_000
_UNITS: Final = ((86_400, "days"), (3_600, "hours"), (60, "minutes"), (1, "seconds"))


def check_as_of(engine: SpaceEngine, view: View, as_of: int | None, now: int) -> None:
    """Refuse with InvalidRequest a time the space cannot answer about.

    It can about every moment from the retention's length before wall time `now` (nanoseconds), or
    from where its history begins when that is later, up to `now`.
    """
    if as_of is None:
        return
    retention = engine.history_retention_ns
    asked = to_datetime(as_of).isoformat()
    if not retention:
        raise InvalidRequest(
            f"as_of {asked}: this store keeps no history, its history_retention is 0; "
            "leave as_of out, or set ENGRAM_HISTORY_RETENTION for what is forgotten from now on"
        )
    # A clock that was set back lies behind what is recorded already.
    latest = max(now, view.recorded_last)
    if as_of - as_of % 1_000 > latest:
        raise InvalidRequest(f"as_of {asked} is in the future; leave it out to ask about now")
    earliest = max(now - retention, view.history_from)
    if as_of < earliest:
        raise InvalidRequest(
            f"as_of {asked} is before {to_datetime(earliest).isoformat()}, as far back as memory "
            f"space {engine.space!r} can answer (history_retention is {_duration(retention)})"
        )


def _duration(nanoseconds: int) -> str:
    seconds = nanoseconds // _NS
    size, unit = next(each for each in _UNITS if seconds % each[0] == 0)
    return f"{seconds // size} {unit}"
