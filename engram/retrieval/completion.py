"""An episode completed from its parts: an attractor over the episodes that are stored.

The state is a distribution over stored episodes and, for each field that is not known, over its
values. An episode weighs e^(beta s), where s is how well it agrees with what is known, and in part
with what is believed of the rest; what is believed of a field is what the weighted episodes say.
The two are computed from each other until they stand: the retrieval of a modern Hopfield network
(Ramsauer et al., "Hopfield Networks is All You Need", 2020) whose patterns are episodes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engram.model.completion import EPISODE_FIELDS
from engram.retrieval.episodes import NO_CODE, WHO, EpisodeColumns
from engram.retrieval.function_words import is_english_function_word

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

BETA: Final = 12.0
"""How sharply episodes are told apart: one that agrees in a quarter less weighs a twentieth."""

BELIEVED_SHARE: Final = 0.5
"""What a field that is only believed counts beside one that is known."""

_ROUNDS_MAX: Final = 20
_SETTLED: Final = 1e-4
_LIKE: Final = 0.9  # texts that are not equal are never as good as equal
_NAMED_MIN: Final = 0.5  # of the weight: a name that half of it has takes part
_BASIN_SHARE: Final = 0.5  # of the heaviest: those it came to rest at
_CITED_MAX: Final = 4
_WORD: Final = re.compile(r"\w+")


class Guess(NamedTuple):
    """What one field is completed to: codes, how sure, and the rows it comes from, best first.

    `agreement` in [0, 1] is how well the best of them agrees with what is known.
    """

    codes: tuple[int, ...]
    confidence: float
    rows: tuple[int, ...]
    agreement: float


class _State(NamedTuple):
    weights: F64
    beliefs: dict[str, F64]


class Completer:
    """Completes one partial episode from columns; `allowed` bool[n] says which may take part.

    `known` are texts by field, of `who` several; `sure` f64[n] is how sure each memory is;
    `likes` f64[n] in [0, 1] how well it agrees with a vector that is known, None without one.
    """

    def __init__(
        self,
        columns: EpisodeColumns,
        known: Mapping[str, Sequence[str]],
        allowed: NDArray[np.bool_],
        sure: F64,
        check: Callable[[], None],
        likes: F64 | None = None,
    ) -> None:
        self._columns, self._known, self._sure = columns, known, sure
        self._likes, self._known_count = likes, len(known) + (likes is not None)
        self._unknown = [field for field in EPISODE_FIELDS if field not in known]
        self._agreement, self._support = self._agreed(check)
        self._left = allowed & (self._agreement > 0)
        self._mass = 1.0
        self._check = check

    def next(self) -> dict[str, Guess]:
        """Return the next best completion by field; nothing when no episode is left to say one.

        A field that no episode has which agrees with what is known in anything is not there.
        """
        if not self._left.any() or not self._unknown:
            return {}
        begun = self._weighed(self._agreement)
        state = self._settled(begun)
        # Confidence is what the episodes say that agree with what is known: by the time all stands,
        # what was likely has made itself certain.
        sure = self._believed(begun)
        # How well these agree with what is known, and what rivals have left of it.
        support = float((begun * self._support).sum()) * self._mass
        found = {}
        for field in self._unknown:
            guess = self._guess(field, state, sure[field], support)
            if guess is not None:
                found[field] = guess
        # What this completion stands on, or what says nothing else, brings no other one.
        same = self._saying(found) | self._resting(found, state)
        self._mass *= 1.0 - float(begun[same].sum())
        self._left &= ~same
        return found

    def _agreed(self, check: Callable[[], None]) -> tuple[F64, F64]:
        """Return f64[n]: the mean agreement of each episode with what is known, and its support.

        Support is 1 - prod(1 - agreement) over the fields: one that is the same is enough to say
        that an episode is like the one that is asked for, and several alike are.
        """
        total, doubt = np.zeros(len(self._columns.rows)), np.ones(len(self._columns.rows))
        for field, wanted in self._known.items():
            check()
            values = self._columns.values[field]
            if field == WHO:
                agreed = np.zeros(len(total))
                for name in wanted:
                    agreed += self._by_name(likeness(values, name)) / len(wanted)
            else:
                agreed = self._by_code(field, likeness(values, wanted[0]))
            total += agreed
            doubt *= 1.0 - np.minimum(agreed, 1.0)
        if self._likes is not None:
            total += self._likes
            doubt *= 1.0 - self._likes
        return total / max(1, self._known_count), 1.0 - doubt

    def _by_code(self, field: str, of_values: F64) -> F64:
        codes = self._columns.codes[field]
        return np.append(of_values, 0.0)[codes]  # NO_CODE reads the last one

    def _by_name(self, of_names: F64) -> F64:
        """Return f64[n]: the best of the names of each episode."""
        best = np.zeros(len(self._columns.rows))
        np.maximum.at(best, self._columns.who_places, of_names[self._columns.who_codes])
        return best

    def _weighed(self, scores: F64) -> F64:
        weights = np.where(self._left, np.exp(BETA * (scores - scores[self._left].max())), 0.0)
        weights *= np.maximum(self._sure, 1e-6)
        return np.asarray(weights / weights.sum(), np.float64)

    def _settled(self, weights: F64) -> _State:
        """Return weights and beliefs that follow from each other."""
        beliefs = self._believed(weights)
        for _ in range(_ROUNDS_MAX):
            self._check()
            known, unknown = self._known_count, BELIEVED_SHARE * len(self._unknown)
            total = known * self._agreement
            for field, shares in beliefs.items():
                total = total + BELIEVED_SHARE * self._shared(field, shares)
            after = self._weighed(total / (known + unknown))
            is_settled = float(np.abs(after - weights).sum()) < _SETTLED
            weights, beliefs = after, self._believed(after)
            if is_settled:
                break
        return _State(weights, beliefs)

    def _believed(self, weights: F64) -> dict[str, F64]:
        """Return by field f64[codes]: the share of the weight of those that have it at all."""
        columns, found = self._columns, {}
        for field in self._unknown:
            count = len(columns.values[field])
            if field == WHO:
                has = np.zeros(len(weights), bool)
                has[columns.who_places] = True
                of_names = weights[columns.who_places]
                shares = np.bincount(columns.who_codes, of_names, count)
            else:
                has = columns.codes[field] != NO_CODE
                shares = np.bincount(columns.codes[field][has], weights[has], count)
            having = float(weights[has].sum())
            found[field] = shares / having if having > 0 else np.zeros(count)
        return found

    def _shared(self, field: str, shares: F64) -> F64:
        """Return f64[n]: what is believed of what each episode says in a field."""
        if field == WHO:
            return self._by_name(shares) if len(shares) else np.zeros(len(self._columns.rows))
        return self._by_code(field, shares)

    def _guess(self, field: str, state: _State, sure: F64, support: float) -> Guess | None:
        shares = state.beliefs[field]
        if not len(shares) or not shares.max() > 0:
            return None
        codes: tuple[int, ...] = (int(np.argmax(shares)),)
        if field == WHO:
            likely = np.flatnonzero(shares >= _NAMED_MIN)
            codes = tuple(likely.tolist()) or codes
        says = self._says(field, codes) & self._left
        places = np.flatnonzero(says & (state.weights > 0))
        order = places[np.argsort(-state.weights[places], kind="stable")][:_CITED_MAX]
        confidence = float(sure[list(codes)].mean()) * support
        return Guess(
            codes,
            min(1.0, confidence),
            tuple(self._columns.rows[order].tolist()),
            float(self._agreement[order[0]]),
        )

    def _says(self, field: str, codes: Sequence[int]) -> NDArray[np.bool_]:
        """Return bool[n]: the episodes that say one of some codes."""
        columns = self._columns
        if field != WHO:
            return np.isin(columns.codes[field], codes)
        says = np.zeros(len(columns.rows), bool)
        says[columns.who_places[np.isin(columns.who_codes, codes)]] = True
        return says

    def _resting(self, found: Mapping[str, Guess], state: _State) -> NDArray[np.bool_]:
        """Return bool[n]: the episodes a completion came to rest at and took something from.

        Between episodes that are as likely it rests at all of them, and says what one of them does.
        """
        resting = state.weights >= _BASIN_SHARE * state.weights.max()
        told = np.zeros(len(resting), bool)
        for field, guess in found.items():
            told |= self._says(field, guess.codes)
        return np.asarray(resting & told if (resting & told).any() else resting, bool)

    def _saying(self, found: Mapping[str, Guess]) -> NDArray[np.bool_]:
        """Return bool[n]: the episodes left that say nothing else than a completion does."""
        same = self._left.copy()
        for field, guess in found.items():
            silent = ~self._says(field, range(len(self._columns.values[field])))
            same &= self._says(field, guess.codes) | silent
        return same


def likeness(values: Sequence[str], wanted: str) -> F64:
    """Return f64[n] in [0, 1]: how much texts have in common with another.

    1 for those that are equal but for case; else 0.9 of Dice's coefficient of their words, without
    function words (twice the common ones over all; Dice 1945).
    """
    folded = wanted.casefold()
    words = _words(folded)
    out = np.zeros(len(values))
    for at, value in enumerate(values):
        other = value.casefold()
        if other == folded:
            out[at] = 1.0
        elif words:
            others = _words(other)
            common = len(words & others)
            if common:
                out[at] = _LIKE * 2 * common / (len(words) + len(others))
    return out


def _words(folded: str) -> frozenset[str]:
    return frozenset(word for word in _WORD.findall(folded) if not is_english_function_word(word))
