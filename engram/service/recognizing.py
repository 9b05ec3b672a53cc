"""Recognition: how familiar a cue is, by all that is like it together.

Each memory is as active as it is like the cue, to the third power, so that many that are a little
like it do not make up for one that is much (the echo of MINERVA 2: Hintzman, "Judgments of
frequency and recognition memory in a multiple-trace memory model", 1988). Activations are joined by
noisy-OR and not added: familiarity stays within 1. As memories that are alike are no independent
witnesses, it lies between that of the most active alone and this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engram.model.recognition import Recognition
from engram.model.recollection import Interval
from engram.retrieval.asking import SIMILARITY
from engram.service.questions import Question
from engram.service.reading import recall

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from engram.engine.space_engine import SpaceEngine
    from engram.model.recall_result import RecallResult
    from engram.service.core import Core
    from engram.service.questions import FilterArguments

_POWER: Final = 3
_CERTAIN: Final = Interval(1.0, 1.0)
# More memories than are listed: a cue may be familiar by many.
_HEARD: Final = 32


async def recognize(
    core: Core,
    engine: SpaceEngine,
    text: str | None,
    embedding: ArrayLike | None,
    limit: int,
    filters: FilterArguments,
) -> Recognition:
    """Carry out `Space.recognize`; nothing is accessed by it."""
    # Of a limit that breaks the rule the question has to tell.
    heard = max(limit, _HEARD) if limit >= 1 else limit
    asked = Question(
        text, embedding, heard, explain=False, mode=SIMILARITY, reinforce=False, verb="recognize"
    )
    result = await recall(core, engine, asked, filters)
    identical = _identical(result, text)
    interval = _CERTAIN if identical is not None else _familiar(result)
    nearest = result.recollections[:limit]
    return Recognition(interval.high, interval, identical, nearest, result.note)


def _identical(result: RecallResult, text: str | None) -> str | None:
    same = (hit.memory.id for hit in result if text and hit.memory.content == text)
    return next(same, None)


def _familiar(result: RecallResult) -> Interval:
    doubt, most = 1.0, 0.0
    for hit in result:
        active = hit.confidence**_POWER
        doubt *= 1.0 - active
        most = max(most, active)
    return Interval(most, max(most, 1.0 - doubt))
