"""What a caller calls a request, as far as that may be repeated in answers and logs."""

from __future__ import annotations

import re
from typing import Final

NAME_CHARACTERS_MAX: Final = 128
"""128 characters of a request's or a correlation's id: room for a W3C trace parent and more."""

_NAME: Final = re.compile(rf"[A-Za-z0-9._:/+=-]{{1,{NAME_CHARACTERS_MAX}}}")
# W3C Trace Context, section 3.2: a version, the trace, the span that asks, flags; versions after 00
# may have more behind these.
_TRACE: Final = re.compile(
    r"(?:(?=00.{53}\Z)|(?!00|ff))[0-9a-f]{2}"
    r"-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)


def name_of(said: str | None) -> str | None:
    """Return a name that is safe to repeat in a header, a log line and an answer; else None."""
    return said if said is not None and _NAME.fullmatch(said) else None


def trace_id_of(trace_parent: str | None) -> str | None:
    """Return the trace that a `traceparent` names; None when it names none."""
    found = None if trace_parent is None else _TRACE.fullmatch(trace_parent)
    return None if found is None else found[1]


def host_of(said: str) -> str:
    """Return the name in a Host header, in lower case and without the port; "" when it is empty."""
    said = said.lower()
    return said.partition("]")[0].lstrip("[") if said.startswith("[") else said.split(":")[0]
