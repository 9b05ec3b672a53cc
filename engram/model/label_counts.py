"""Labels of memories: the names they are told apart by."""

from __future__ import annotations

from typing import Final, NamedTuple

LABEL_FIELDS: Final = ("tag", "entity", "source", "session", "fact_key")
"""What a label may be of a memory; a memory has several tags and entities, one of the others."""


class LabelCount(NamedTuple):
    """A label and how many memories have it."""

    label: str
    memories: int
