"""Filters as a query string or a body carries them, as the library takes them."""

from __future__ import annotations

from typing import Any

import msgspec

from engram.model.errors import InvalidRequest


def with_metadata(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments with conditions on metadata read, when they came as a JSON text."""
    text = arguments.get("metadata")
    if not isinstance(text, str):
        return arguments
    try:
        read = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise InvalidRequest(f"metadata is not JSON: {error}") from None
    return arguments | {"metadata": read}
