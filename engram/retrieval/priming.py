"""Priming: what was recalled in a session a moment ago makes what it leads to easier to recall.

In RAM only: never logged, never part of the space, gone with the process.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from engram.retrieval.near import leaving

if TYPE_CHECKING:
    from engram.kernels.arrays import F32, U32
    from engram.retrieval.graph import SpaceGraph
    from engram.state.space import View

RAISE: Final = 0.15
HALF_LIFE_NS: Final = 300_000_000
REPETITION: Final = 0.05
REPETITION_MAX: Final = 0.30

# After ten half-lives less than a thousandth of it is left.
_RECENT_NS: Final = 10 * HALF_LIFE_NS
# Recalls of a session within that time that prime, the newest: a session is one train of thought.
_RECENT_MAX: Final = 8
# Memories of a session whose repetitions are counted: 4,096, some 0.4 MB.
_REPEATED_MAX: Final = 4_096
# Sessions at once: 64; the one that was quiet for longest makes room.
_SESSIONS_MAX: Final = 64


class Primed(NamedTuple):
    """What a session was recalling: the newest recalls with how much of their priming is left.

    `repeated` says how often each memory was listed in the session.
    """

    recent: tuple[tuple[float, tuple[int, ...]], ...]
    repeated: dict[int, int]


class _Session:
    def __init__(self) -> None:
        self.recent: deque[tuple[int, tuple[int, ...]]] = deque(maxlen=_RECENT_MAX)
        self.repeated: OrderedDict[int, int] = OrderedDict()


class Priming:
    """The sessions of a space that recalled last. Used from the event loop alone."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    def note(self, session: str, rows: Sequence[int], now: int) -> None:
        """Note that `rows` were listed in a session at monotonic time `now` (nanoseconds)."""
        if not rows:
            return
        found = self._sessions.setdefault(session, _Session())
        self._sessions.move_to_end(session)
        if len(self._sessions) > _SESSIONS_MAX:
            self._sessions.popitem(last=False)
        found.recent.append((now, tuple(rows)))
        for row in rows:
            found.repeated[row] = found.repeated.pop(row, 0) + 1
        while len(found.repeated) > _REPEATED_MAX:
            found.repeated.popitem(last=False)

    def of(self, session: str, now: int) -> Primed | None:
        """Return what primes a session's next recall at monotonic time `now`; None if nothing."""
        found = self._sessions.get(session)
        if found is None:
            return None
        recent = tuple(
            (left_after(now - at), rows) for at, rows in found.recent if now - at < _RECENT_NS
        )
        return Primed(recent, dict(found.repeated))

    def clear(self) -> None:
        """Forget everything: the rows have other numbers from now on."""
        self._sessions.clear()


def left_after(elapsed_ns: int) -> float:
    """Return in (0, 1] what is left of priming: half of it every 300 ms."""
    return float(0.5 ** (max(elapsed_ns, 0) / HALF_LIFE_NS))


def raises(primed: Primed, view: View, graph: SpaceGraph | None, rows: U32) -> F32:
    """Return float32[n] in [0, 0.45]: by how much each of `rows` u32[n] is raised.

    0.15 for what an association leads to from a memory recalled just now, less by half every
    300 ms, the most of it counts; and 5 % for each time that the session listed it, at most 30 %.
    """
    repeated = np.array([primed.repeated.get(row, 0) for row in rows.tolist()], np.float32)
    by: F32 = np.minimum(np.float32(REPETITION) * repeated, np.float32(REPETITION_MAX))
    if graph is not None and primed.recent:
        by += np.float32(RAISE) * _led_to(primed, view, graph, rows)
    return by


def raised(scores: F32, by: F32) -> F32:
    """Return scores f32[n] in [0, 1] raised by a share f32[n] in [0, 1) of s (1 - s).

    A score of 0 stays 0, none leaves [0, 1], and what is raised by the same keeps its order.
    """
    return np.asarray(scores + by * scores * (1 - scores), np.float32)


def _led_to(primed: Primed, view: View, graph: SpaceGraph, rows: U32) -> F32:
    """Return float32[n] in [0, 1]: what is left of the priming that associations bring."""
    left = np.zeros(len(rows), np.float32)
    wanted = view.associations.nodes_of(rows)
    for share, recalled in primed.recent:
        nodes = view.associations.nodes_of(np.array(recalled, np.int64))
        nodes = nodes[nodes < graph.graph.nodes_count]
        if len(nodes):
            targets = leaving(graph.graph, nodes).targets
            is_led_to = np.isin(wanted, targets)
            left[is_led_to] = np.maximum(left[is_led_to], np.float32(share))
    return left
