"""The terms of a word index: the number of each, and each by its number.

Terms that came lately are in a dict. When they are many they are folded into pages of text and one
sorted column of hashes, which take some 23 bytes a term where the dict takes 150, and come back
from a snapshot without an object each. Fewer than FOLD_MIN never are.

Rule 1: one writer; any thread may look up. Rule 2: a number stands for one term for ever, unless
that is blanked.
"""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right
from operator import mul
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from engram.kernels.arrays import U8, U32

    U64 = NDArray[np.uint64]

K = TypeVar("K")
V = TypeVar("V")

SEPARATOR: Final = b"\n"
"""Stands between the terms of a page, and in none of them."""

FOLD_MIN: Final = 1 << 16
"""Fewer terms than these stay in the dict: 10 MB, more than most spaces come to."""

_FOLD_SHARE: Final = 8  # an eighth of all: each fold sorts what is there
_PAGE_TERMS: Final = 16_384
_LATELY_MAX: Final = 4_096  # 1 MB at most
_NOT_ASKED: Final = -1
_BLANK: Final = "\0"  # begins no term: a text's words hold no control characters
_TERM_BYTES: Final = 57 + 28  # an ASCII str of CPython with 8 characters, and an int

# The hash of bytes b is the sum of b[j] P^j modulo 2^64, of which the upper half is kept: sums of
# a whole page give those of all its terms at once. Texts made to collide cost time, not answers.
_PRIME: Final = 0x9E37_79B9_7F4A_7C15
_MODULUS: Final = 1 << 64
_INVERSE: Final = pow(_PRIME, -1, _MODULUS)
_POWERS: Final = tuple(pow(_PRIME, place, _MODULUS) for place in range(256))
_HALF: Final = 32
_UPPER: Final = 0xFFFF_FFFF_0000_0000
_LOWER: Final = 0xFFFF_FFFF


class _Page:
    """Terms that follow each other: `starts` u32[n + 1] says where each begins in the text."""

    __slots__ = ("_at", "starts", "text")

    def __init__(self, text: memoryview) -> None:
        ends = np.flatnonzero(np.frombuffer(text, np.uint8) == SEPARATOR[0]) + 1
        self.text = text
        self.starts: U32 = np.concatenate(([0], ends, [len(text) + 1])).astype(np.uint32)
        self._at = self.starts.data

    @classmethod
    def of(cls, names: list[str]) -> _Page:
        """Return the page of these terms."""
        return cls(memoryview("\n".join(names).encode()))

    def term(self, place: int) -> memoryview:
        return self.text[self._at[place] : self._at[place + 1] - 1]


class _Folded:
    """The terms up to a number. Never changes.

    `firsts` are the numbers of the first term of each page; `order` u64[n] has for each term the
    upper half of its hash above its number, ascending. `find` and `name` keep what they were asked
    for lately: a lookup takes some 4 us.
    """

    __slots__ = ("_entries", "_found", "_named", "count", "firsts", "order", "pages")

    def __init__(self, pages: tuple[_Page, ...], firsts: tuple[int, ...], order: U64) -> None:
        self.pages, self.firsts, self.order = pages, firsts, order
        self.count = len(order)
        self._entries = order.data
        # Dicts, for a cache around a method would keep all this until the next full collection.
        self._found: dict[str, int | None] = {}
        self._named: dict[int, str] = {}

    def find(self, term: str) -> int | None:
        """Return the number of a term, None when it is not here."""
        number = self._found.get(term, _NOT_ASKED)
        if number == _NOT_ASKED:
            number = self._find(term)
            _keep(self._found, term, number)
        return number

    def name(self, number: int) -> str:
        """Return the term of a number."""
        name = self._named.get(number)
        if name is None:
            name = str(self._term(number), "utf-8")
            _keep(self._named, number, name)
        return name

    def _find(self, term: str) -> int | None:
        entries, data = self._entries, term.encode()
        wanted = _hash(data) & _UPPER
        at = bisect_left(entries, wanted)
        while at < self.count and (entry := entries[at]) & _UPPER == wanted:
            if self._term(entry & _LOWER) == data:
                return int(entry & _LOWER)
            at += 1
        return None

    def find_many(self, terms: list[str]) -> dict[str, int]:
        """Return the numbers of those of some distinct terms that are here."""
        (hashes,) = _hashes([_Page.of(terms)])
        wanted = hashes & np.uint64(_UPPER)
        at = np.minimum(self.order.searchsorted(wanted), self.count - 1)
        may_be = (self.order[at] & np.uint64(_UPPER)) == wanted
        found = {}
        for place in may_be.nonzero()[0].tolist():
            number = self._find(terms[place])
            if number is not None:
                found[terms[place]] = number
        return found

    def _term(self, number: int) -> memoryview:
        page = bisect_right(self.firsts, number) - 1
        return self.pages[page].term(number - self.firsts[page])

    def texts(self, first: int, last: int) -> Iterator[memoryview]:
        """Yield the text of the terms from `first` up to `last`, a page's at a time."""
        while first < last:
            number = bisect_right(self.firsts, first) - 1
            page, base = self.pages[number], self.firsts[number]
            end = min(last - base, len(page.starts) - 1)
            yield page.text[int(page.starts[first - base]) : int(page.starts[end]) - 1]
            first = base + end

    @property
    def resident_bytes(self) -> int:
        return self.order.nbytes + sum(page.text.nbytes + page.starts.nbytes for page in self.pages)


_NONE_FOLDED: Final = _Folded((), (), np.zeros(0, np.uint64))


class _Now(NamedTuple):
    """All terms at one moment: what is folded, and the others, which are only added to.

    Replaced as a whole, so that a reader never misses a term that is being folded.
    """

    folded: _Folded
    fresh: dict[str, int]
    names: list[str]
    """Of those in `fresh`, in the order of their numbers."""


class Terms:
    """Numbers terms from 0 on, in the order they come."""

    def __init__(self, pages: Iterable[U8] = ()) -> None:
        """Begin with the terms of pages as `encoded` gives them, or with none."""
        found = [_Page(text.data) for text in pages]
        folded = _folded(found) if found else _NONE_FOLDED
        self._now = _Now(folded, {}, [])
        if folded.count < FOLD_MIN:
            names = list(self)
            self._now = _Now(_NONE_FOLDED, dict(zip(names, range(len(names)), strict=True)), names)

    def __len__(self) -> int:
        """Return how many terms there are, blanked ones too."""
        folded, _, names = self._now
        return folded.count + len(names)

    def __iter__(self) -> Iterator[str]:
        """Yield all terms by their numbers."""
        return map(self.name, range(len(self)))

    def get(self, term: str) -> int | None:
        """Return the number of a term, None when there is no such term."""
        folded, fresh, _ = self._now
        number = fresh.get(term)
        return folded.find(term) if number is None and folded.count else number

    def add(self, term: str) -> int:
        """Return the number of a term, the next one when it is new."""
        number = self.get(term)
        if number is None:
            folded, fresh, names = self._now
            number = folded.count + len(names)
            names.append(term)
            fresh[term] = number
        return number

    def add_many(self, terms: list[str]) -> list[int]:
        """Return what `add` does for each of some terms, sooner where many are folded."""
        folded, fresh, names = self._now
        asked = [term for term in dict.fromkeys(terms) if term not in fresh]
        known = folded.find_many(asked) if asked and folded.count else {}
        for term in asked:
            if term not in known:
                names.append(term)
                fresh[term] = folded.count + len(names) - 1
        return [known[term] if term in known else fresh[term] for term in terms]

    @property
    def are_folded(self) -> bool:
        """Whether some terms are, so that one at a time takes longer than many at once."""
        return self._now.folded.count > 0

    def name(self, number: int) -> str:
        """Return the term of a number."""
        folded, _, names = self._now
        if number >= folded.count:
            return names[number - folded.count]
        return folded.name(number)

    def encoded(self, first: int, last: int) -> bytes:
        """Return the terms from `first` up to `last` in UTF-8, a separator between two."""
        folded, _, names = self._now
        count = folded.count
        texts: list[memoryview | bytes] = list(folded.texts(first, min(last, count)))
        if last > count:
            texts.append("\n".join(names[max(0, first - count) : last - count]).encode())
        return SEPARATOR.join(texts)

    def fold(self) -> None:
        """Fold what came lately where that is much."""
        folded, _, names = self._now
        count = folded.count
        if len(names) >= max(FOLD_MIN, count // _FOLD_SHARE):
            firsts = range(0, len(names), _PAGE_TERMS)
            pages = [_Page.of(names[first : first + _PAGE_TERMS]) for first in firsts]
            self._now = _Now(_folded(pages, folded), {}, [])

    def copy(self) -> Terms:
        """Return one that knows the same terms and learns its own."""
        twin = Terms()
        folded, fresh, names = self._now
        twin._now = _Now(folded, fresh.copy(), names.copy())
        return twin

    def blank(self, numbers: Sequence[int]) -> int:
        """Forget how these terms read; their numbers are not given again.

        Returns how many were not forgotten before. Goes through what is folded if one of them is.
        """
        chosen = [number for number in numbers if not self.name(number).startswith(_BLANK)]
        folded, fresh, names = self._now
        count = folded.count
        for number in (each for each in chosen if each >= count):
            del fresh[names[number - count]]
            names[number - count] = f"{_BLANK}{number}"
            fresh[names[number - count]] = number
        inside = [number for number in chosen if number < count]
        if inside:
            self._now = _Now(_blanked(folded, inside), fresh, names)
        return len(chosen)

    @property
    def resident_bytes(self) -> int:
        """Bytes of what is folded, and an estimate for the others."""
        folded, fresh, names = self._now
        return folded.resident_bytes + sys.getsizeof(fresh) + len(names) * _TERM_BYTES


def _keep(lately: dict[K, V], key: K, value: V) -> None:
    """Keep what was looked up; a full dict is emptied."""
    if len(lately) >= _LATELY_MAX:
        lately.clear()
    lately[key] = value


def _hash(data: bytes) -> int:
    total = sum(map(mul, data, _POWERS))
    for place in range(len(_POWERS), len(data)):
        total += data[place] * pow(_PRIME, place, _MODULUS)
    return int(total % _MODULUS)


def _folded(pages: list[_Page], before: _Folded | None = None) -> _Folded:
    """Return these pages behind those that were folded before."""
    firsts = [] if before is None else list(before.firsts)
    number = 0 if before is None else before.count
    orders = [] if before is None else [before.order]
    for hashes in _hashes(pages):
        firsts.append(number)
        orders.append(_entries(hashes, number))
        number += len(hashes)
    order = np.concatenate([np.zeros(0, np.uint64), *orders])
    order.sort()
    return _Folded((*(() if before is None else before.pages), *pages), tuple(firsts), order)


def _entries(hashes: U64, first: int) -> U64:
    numbers = np.arange(first, first + len(hashes), dtype=np.uint64)
    return (hashes & np.uint64(_UPPER)) | numbers


def _hashes(pages: list[_Page]) -> Iterator[U64]:
    """Yield u64[n]: the hash of each term of each page."""
    longest = max((page.text.nbytes for page in pages), default=0)
    powers, inverse = (_powers(base, longest + 1) for base in (_PRIME, _INVERSE))
    for page in pages:
        data = np.frombuffer(page.text, np.uint8)
        sums = np.zeros(len(data) + 1, np.uint64)
        np.cumsum(data * powers[: len(data)], out=sums[1:])
        begins, ends = page.starts[:-1], page.starts[1:] - np.uint32(1)
        yield (sums[ends] - sums[begins]) * inverse[begins]


def _powers(base: int, count: int) -> U64:
    values = np.full(count, base, np.uint64)
    values[0] = 1
    return np.multiply.accumulate(values)


def _blanked(folded: _Folded, numbers: list[int]) -> _Folded:
    """Return the same without how the terms of ascending numbers read."""
    pages = list(folded.pages)
    owners = {bisect_right(folded.firsts, number) - 1 for number in numbers}
    gone = set(numbers)
    for owner in owners:
        first, page = folded.firsts[owner], pages[owner]
        names = str(page.text, "utf-8").split("\n")
        pages[owner] = _Page.of(
            [
                f"{_BLANK}{number}" if number in gone else name
                for number, name in enumerate(names, start=first)
            ]
        )
    order_numbers = (folded.order & np.uint64(_LOWER)).astype(np.int64)
    of = np.searchsorted(folded.firsts, order_numbers, side="right") - 1
    chosen = sorted(owners)
    orders = [folded.order[~np.isin(of, chosen)]]
    for owner, hashes in zip(chosen, _hashes([pages[each] for each in chosen]), strict=True):
        orders.append(_entries(hashes, folded.firsts[owner]))
    order = np.concatenate(orders)
    order.sort()
    return _Folded(tuple(pages), folded.firsts, order)
