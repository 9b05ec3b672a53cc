"""What was recorded in the background is followed there too, so that no recall need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from engram.engine.space_engine import SpaceEngine

# Texts that a step in the background records, at most; whoever is further behind has not begun.
_ROWS_MAX: Final = 256


def follow(engine: SpaceEngine) -> None:
    """Catch graph and words up with what was recorded, where readers had them so far. Blocks."""
    view = engine.view
    engine.graph.at(view)
    if 0 <= view.count - engine.words.rows_indexed <= _ROWS_MAX:
        engine.words.at(view)
