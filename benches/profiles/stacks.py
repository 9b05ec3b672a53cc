"""Sampled stacks: parsed, cut to what belongs to a recall, and added up."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

_FILE = re.compile(r"^(?P<name>.*) \((?P<file>[^()]*?)(?::\d+)?\)$")


class Frame(NamedTuple):
    """One call on a stack: what was called and where it is written."""

    name: str
    file: str

    @property
    def label(self) -> str:
        """The call as a reader knows it: function and file."""
        return f"{self.name} ({self.file})" if self.file else self.name


Stack = tuple[Frame, ...]


def parse(lines: Iterable[str]) -> Counter[Stack]:
    """Return how often each stack was seen; a line is `outer;...;inner count`."""
    seen: Counter[Stack] = Counter()
    for line in lines:
        stack, _, count = line.rstrip().rpartition(" ")
        if stack:
            frames = [_frame(text) for text in stack.split(";")]
            seen[tuple(frame for frame, _ in groupby(frames))] += int(count)
    return seen


def below(
    seen: Counter[Stack], names: Iterable[str], without: Iterable[str] = ()
) -> Counter[Stack]:
    """Return only stacks with a call of one of `names` and none of `without`, from it inwards."""
    wanted, unwanted = frozenset(names), frozenset(without)
    cut: Counter[Stack] = Counter()
    for stack, count in seen.items():
        if any(frame.name in unwanted for frame in stack):
            continue
        at = next((i for i, frame in enumerate(stack) if frame.name in wanted), None)
        if at is not None:
            cut[stack[at:]] += count
    return cut


def self_shares(seen: Counter[Stack], most: int) -> list[tuple[str, float]]:
    """Return the innermost calls with the share of all samples each was found in."""
    total = sum(seen.values())
    own: Counter[str] = Counter()
    for stack, count in seen.items():
        own[stack[-1].label] += count
    return [(label, count / total) for label, count in own.most_common(most)]


def _frame(text: str) -> Frame:
    found = _FILE.match(text)
    if not found:
        return Frame(text, "")
    file = found["file"].rpartition("/")[2]
    if found["name"].startswith("0x"):
        return Frame(file, "")  # a library without names: all of it is one call
    return Frame(found["name"], file)
