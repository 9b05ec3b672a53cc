"""What a caller meets when it recalls: memories, best first, and what was made of the cue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from engram.model.explanation import branches, drawn, excerpt
from engram.model.recollection import Interval, QueryAnalysis, Recollection

if TYPE_CHECKING:
    from engram.model.picture import Picture


class RecallResult(msgspec.Struct, frozen=True):
    """What a recall found, best first.

    `note` says why nothing was found; `timings_us` has one entry a stage; `candidates` is how many
    memories passed the filters and `searched` how many the space holds. `recall_confidence` is that
    of the memory the recall is surest of.
    """

    recollections: tuple[Recollection, ...]
    timings_us: Mapping[str, float]
    candidates: int
    searched: int
    lsn: int
    note: str | None = None
    query_analysis: QueryAnalysis = QueryAnalysis("hybrid", has_vector=False)
    cue: str | None = None
    """The words it was asked with, None without any."""

    def __iter__(self) -> Iterator[Recollection]:
        """Iterate the recollections, best first."""
        return iter(self.recollections)

    def __len__(self) -> int:
        """Return how many memories were recalled."""
        return len(self.recollections)

    def __getitem__(self, position: int) -> Recollection:
        """Return the recollection at a rank, 0 being the best."""
        return self.recollections[position]

    @property
    def vivid(self) -> tuple[Recollection, ...]:
        """Those that owe their place to the cue itself."""
        return self._group("vivid")

    @property
    def associated(self) -> tuple[Recollection, ...]:
        """Those that owe it more to what they are associated with."""
        return self._group("associated")

    @property
    def reconstructed(self) -> tuple[Recollection, ...]:
        """Those reached along `derived` associations: made of other memories."""
        return self._group("reconstructed")

    @property
    def recall_confidence(self) -> float:
        """How sure the recall is of the memory it is surest of, 0 without any."""
        return max((each.confidence for each in self.recollections), default=0.0)

    @property
    def recall_confidence_interval(self) -> Interval:
        """The interval of that."""
        surest = max(self.recollections, key=lambda each: each.confidence, default=None)
        return Interval(0.0, 0.0) if surest is None else surest.confidence_interval

    def explain(self) -> str:
        """Return as text why each memory was recalled, and along which ways; or why none was."""
        if not self.recollections:
            return f"Nothing was recalled: {self.note}."
        lines = [self.summary]
        for rank, hit in enumerate(self, start=1):
            low, high = hit.confidence_interval
            lines += ["", f"{rank}. {excerpt(hit.memory.content)}"]
            lines.append(
                f"   {hit.group}, score {hit.score:.3f}, relevance {hit.relevance:.2f}, "
                f"confidence {hit.confidence:.2f} ({low:.2f} to {high:.2f})"
            )
            if hit.explanation:
                lines.append(f"   {hit.explanation}")
            if hit.cites:
                lines.append(f"   formed of {', '.join(hit.cites)}")
            trees = branches(hit.paths or (hit.path,))
            lines += [f"   {line}" for line in drawn(trees, hit.memory.id)]
        return "\n".join(lines)

    def show(self) -> Picture:
        """Return the recall as a picture: the cue, what it found, and what was reached from there.

        A notebook shows it; `svg` and `html` are texts to be kept in a file. All ways are drawn
        where the recall was asked to explain, else the strongest to each memory.
        """
        from engram.model.picture import Picture  # noqa: PLC0415 - drawing is seldom asked for
        from engram.model.picturing import scene_of, scene_of_nothing  # noqa: PLC0415 - as above

        asked = self.cue, self.query_analysis.has_vector
        if not self.recollections:
            said = f"{self.searched} memories were searched."
            return Picture(scene_of_nothing(asked, said, str(self.note)))
        return Picture(scene_of(asked, self.recollections, self.summary))

    @property
    def summary(self) -> str:
        """How many memories were recalled, and what was activated, in a sentence."""
        asked = self.query_analysis
        counts = f"{len(self)} of {self.candidates} memories ({asked.mode})"
        if not asked.seeds:
            return f"{counts}; no associations were followed."
        partly = ", where the budget of edges ended it" if asked.is_partial else ""
        return (
            f"{counts}; {asked.seeds} memories activated {asked.reached} nodes over "
            f"{asked.edges} associations{partly}."
        )

    def _group(self, name: str) -> tuple[Recollection, ...]:
        return tuple(each for each in self.recollections if each.group == name)
