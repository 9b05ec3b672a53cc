"""Reads a file of conversations, whichever of the two kinds it is."""

from __future__ import annotations

from pathlib import Path

import msgspec

from benches.locomo.conversations import Conversation, conversation_of
from benches.locomo.scenes import conversations_of


def load(path: Path) -> list[Conversation]:
    """Return the conversations of a file of LoCoMo or of FriendsQA."""
    read = msgspec.json.decode(path.read_bytes())
    if isinstance(read, dict):
        return conversations_of(read["data"])
    return [conversation_of(sample) for sample in read]
