"""A recall as a picture: from the cue over what it found to what was reached, a hop a column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engram.model.explanation import EXCERPT_CHARACTERS, PathStep, excerpt
from engram.picture.scene import BOXES_MAX, Box, Line, Row, Scene

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram.model.recollection import Recollection

    _Asked = tuple[str | None, bool]

_CUE: Final = "cue"
_MENTIONS: Final = "mentions"
_TOLD_CHARACTERS: Final = 600
_OTHER_WEIGHT: Final = 0.25


def scene_of(asked: _Asked, hits: Sequence[Recollection], summary: str) -> Scene:
    """Return the picture of a recall: what was listed, and the ways that led to it.

    `asked` are the words of the cue, None without any, and whether there was a vector.
    """
    ways = _Ways(hits)
    boxes, lines = ways.boxes(), ways.lines()
    left_out = len(hits) - sum(hit.memory.id in ways.drawn for hit in hits)
    more = f" {left_out} of them are not drawn." if left_out else ""
    return Scene(
        f"Recall of {_name(asked)}",
        summary + more,
        (_cue(asked), *boxes),
        lines,
        ("", "score", "confidence", "group", "memory"),
        tuple(_row(rank, hit) for rank, hit in enumerate(hits, start=1)),
    )


def scene_of_nothing(asked: _Asked, summary: str, note: str) -> Scene:
    """Return the picture of a recall that found nothing; `note` says why."""
    said = Box("nothing", 1, "note", f"Nothing was recalled: {note}.")
    return Scene(f"Recall of {_name(asked)}", summary, (_cue(asked), said), ())


def _cue(asked: _Asked) -> Box:
    text = asked[0] or _name(asked)
    return Box(_CUE, 0, "cue", text, told=text)


class _Ways:
    """The nodes on the ways to what was listed: each is drawn once, in the column it is nearest."""

    def __init__(self, hits: Sequence[Recollection]) -> None:
        self.hits = {hit.memory.id: hit for hit in hits}
        self.drawn: dict[str, PathStep | None] = {}
        self._columns: dict[str, int] = {}
        self._steps: dict[tuple[str, str, str], PathStep] = {}
        self._best = max((hit.score for hit in hits), default=0.0)
        for hit in hits:
            self._take(hit)

    def _take(self, hit: Recollection) -> None:
        """Draw a memory and the ways to it, as long as there is room."""
        ways = hit.paths or ((hit.path,) if hit.path else ())
        for number, way in enumerate(ways):
            keys = [_key(step) for step in way]
            missing = [key for key in dict.fromkeys(keys) if key not in self.drawn]
            if len(self.drawn) + len(missing) + 1 > BOXES_MAX:
                if number:
                    continue
                return
            for column, (key, step) in enumerate(zip(keys, way, strict=True), start=1):
                if self.drawn.get(key) is None:
                    self.drawn[key] = step
                self._columns[key] = min(column, self._columns.get(key, column))
            for source, target, step in zip(keys, keys[1:], way[1:], strict=False):
                if source != target:
                    self._steps.setdefault((source, target, str(step.kind)), step)
        key = hit.memory.id
        if key in self.drawn or len(self.drawn) + 1 < BOXES_MAX:
            self.drawn.setdefault(key, None)
            if hit.group == "vivid" or key not in self._columns:
                self._columns[key] = 1

    def boxes(self) -> tuple[Box, ...]:
        """Return the boxes: memories that were listed first, by rank."""
        listed = [key for key in self.hits if key in self.drawn]
        others = [key for key in self.drawn if key not in self.hits]
        return tuple(self._listed(key) for key in listed) + tuple(map(self._passed, others))

    def _listed(self, key: str) -> Box:
        hit, rank = self.hits[key], list(self.hits).index(key) + 1
        low, high = hit.confidence_interval
        text = hit.memory.content
        whole = text if len(text) <= _TOLD_CHARACTERS else f"{text[:_TOLD_CHARACTERS]}..."
        parts = ", ".join(f"{name} {value:.2f}" for name, value in hit.parts.items())
        told = (
            f"{whole}\n{rank}. {hit.group}, score {hit.score:.3f}, confidence "
            f"{hit.confidence:.2f} ({low:.2f} to {high:.2f})\n{parts}\n{key}"
        )
        caption = f"{hit.score:.2f} \N{MIDDLE DOT} {hit.group} \N{MIDDLE DOT} rank {rank}"
        size = hit.score / self._best if self._best > 0 else 0.0
        return Box(key, self._columns[key], hit.group, _short(text), caption, size, told)

    def _passed(self, key: str) -> Box:
        step = self.drawn[key]
        label = None if step is None else step.label
        if step is not None and step.memory_id is None:
            return Box(key, self._columns[key], "concept", f"#{label}", told=f"#{label}")
        text = label or key
        told = f"{text}\non the way, not listed\n{key}"
        return Box(key, self._columns[key], "passed", text, "on the way", told=told)

    def lines(self) -> tuple[Line, ...]:
        """Return the lines from the cue to what it found, then those along associations."""
        found = [self._from_cue(key) for key in self.drawn if self._columns[key] == 1]
        return (*found, *map(self._line, self._one_way()))

    def _one_way(self) -> list[tuple[str, str, str]]:
        """Return the steps without those that lead back along one that is there before."""
        kept: dict[tuple[str, str, str], None] = {}
        for source, target, kind in self._steps:
            if (target, source, kind) not in kept:
                kept[source, target, kind] = None
        return list(kept)

    def _from_cue(self, key: str) -> Line:
        hit = self.hits.get(key)
        if hit is None:
            return Line(_CUE, key, _CUE, _OTHER_WEIGHT, "found by the cue")
        names = ("similarity", "lexical", "speaker")
        shared = ", ".join(f"{each} {hit.parts.get(each, 0.0):.2f}" for each in names)
        words = f"; shares {', '.join(hit.matched_terms)}" if hit.matched_terms else ""
        weight = hit.score / self._best if self._best > 0 else 0.0
        return Line(_CUE, key, _CUE, weight, f"{shared}{words}")

    def _line(self, ends: tuple[str, str, str]) -> Line:
        source, target, kind = ends
        weight = self._steps[ends].weight
        back = self._steps.get((target, source, kind))
        told = f"{kind}, weight {weight:.2f}"
        if back is not None:
            told, weight = f"{told}, and back {back.weight:.2f}", max(weight, back.weight)
        name = "" if kind == _MENTIONS else kind
        return Line(source, target, kind, weight, told, back is not None, name)


def _name(asked: _Asked) -> str:
    words, has_vector = asked
    if words:
        return f"\N{LEFT DOUBLE QUOTATION MARK}{_short(words)}\N{RIGHT DOUBLE QUOTATION MARK}"
    return "an embedding" if has_vector else "memories"


def _short(text: str) -> str:
    """Return the beginning of a text, more than fits a box."""
    line = " ".join(text[: 4 * EXCERPT_CHARACTERS].split())
    return line or excerpt(text)


def _key(step: PathStep) -> str:
    return f"#{step.label}" if step.memory_id is None else step.memory_id


def _row(rank: int, hit: Recollection) -> Row:
    return Row(
        (
            str(rank),
            f"{hit.score:.3f}",
            f"{hit.confidence:.2f}",
            hit.group,
            _short(hit.memory.content),
        )
    )
