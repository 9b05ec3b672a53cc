"""The ways over associations that led to a memory, as trees a person can read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

EXCERPT_CHARACTERS: Final = 60


class PathStep(NamedTuple):
    """One step of a path: along an association of this kind, with this weight, to here.

    `memory_id` is of a memory, whose `label` is the beginning of its text where the recall was
    asked to explain. A concept node, which stands for an entity or a tag, has no id and that as its
    label. The first step of a path is a memory that the cue found or named: it has no kind, and its
    weight is 1.
    """

    memory_id: str | None
    label: str | None = None
    kind: str | None = None
    weight: float = 1.0

    def __str__(self) -> str:
        """Return the step in words."""
        return self.told_of(None)

    def told_of(self, memory_id: str | None) -> str:
        """Return the step in words to who looks at a memory, which needs no telling what it is."""
        if self.memory_id is None:
            place = f"#{self.label}"
        elif self.memory_id == memory_id:
            place = "this memory"
        else:
            place = self.memory_id if self.label is None else f'"{self.label}"'
        return place if self.kind is None else f"{self.kind} {self.weight:.2f} -> {place}"


Path = tuple[PathStep, ...]


class Branch(NamedTuple):
    """A step and what follows it on the paths that go that way."""

    step: PathStep
    following: tuple[Branch, ...]


def branches(paths: Sequence[Path]) -> tuple[Branch, ...]:
    """Return paths as trees, one for each of their first steps: what they share is there once."""
    following: dict[PathStep, list[Path]] = {}
    for path in paths:
        if path:
            following.setdefault(path[0], []).append(path[1:])
    return tuple(Branch(step, branches(rests)) for step, rests in following.items())


def drawn(trees: Sequence[Branch], memory_id: str) -> Iterator[str]:
    """Yield the lines of some trees of ways to a memory."""
    for tree in trees:
        yield tree.step.told_of(memory_id)
        yield from _below(tree, memory_id, "")


def _below(tree: Branch, memory_id: str, indent: str) -> Iterator[str]:
    for number, branch in enumerate(tree.following, start=1):
        is_last = number == len(tree.following)
        yield f"{indent}{'`-- ' if is_last else '|-- '}{branch.step.told_of(memory_id)}"
        yield from _below(branch, memory_id, indent + ("    " if is_last else "|   "))


def excerpt(text: str) -> str:
    """Return the beginning of a text in one line."""
    line = " ".join(text.split())
    if len(line) <= EXCERPT_CHARACTERS:
        return line or "(no text)"
    return line[: EXCERPT_CHARACTERS - 3].rstrip() + "..."
