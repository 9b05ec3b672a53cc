"""The fields of a memory that conditions speak of, what they are compared with, and how."""

from __future__ import annotations

from typing import Final, NamedTuple

EQUALITY: Final = ("=", "!=")
COMPARISONS: Final = (*EQUALITY, "<", "<=", ">", ">=")
IN: Final = "IN"
BETWEEN: Final = "BETWEEN"
BEFORE: Final = "BEFORE"
AFTER: Final = "AFTER"
CONTAINS: Final = "CONTAINS"
MATCHES: Final = "MATCHES"
HAS: Final = "HAS"


class Field(NamedTuple):
    """The operators that fit a field, and the role of what it is compared with."""

    operators: tuple[str, ...]
    role: str


_NAMED: Final = (*EQUALITY, IN)
_NUMBER: Final = Field((*COMPARISONS, IN, BETWEEN), "number")
_TIME: Final = Field((*COMPARISONS, IN, BETWEEN, BEFORE, AFTER), "time")
_LABEL: Final = Field(_NAMED, "text")
_LABELS: Final = Field((HAS,), "text")

FIELDS: Final = {
    "id": Field(_NAMED, "memory"),
    "content": Field((*_NAMED, CONTAINS, MATCHES), "text"),
    "kind": Field(_NAMED, "memory kind"),
    "source": _LABEL,
    "session": _LABEL,
    "fact_key": _LABEL,
    "tag": _LABELS,
    "entity": _LABELS,
    "confidence": _NUMBER,
    "priority": _NUMBER,
    "seen_count": _NUMBER,
    "difficulty": _NUMBER,
    "stability_days": Field((*COMPARISONS, IN, BETWEEN), "days"),
    "created": _TIME,
    "occurred": _TIME,
}

METADATA_FIELD: Final = Field((*COMPARISONS, IN, BETWEEN), "scalar")
"""Of every path into metadata; only texts and numbers have an order."""

ORDER_KEYS: Final = (
    "score", "relevance", "confidence", "similarity", "lexical", "activation", "retrievability",
    "created", "occurred", "priority",
)  # fmt: skip
"""What a recall may be sorted by; confidence is that of the recall."""
