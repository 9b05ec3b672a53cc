"""Settings as people write them, with secrets masked."""

from __future__ import annotations

import re
from typing import Any, Final

from engram.setting_values import PerSpace
from engram.settings import SECRETS, Settings

MASK: Final = "***"

_BYTES: Final = frozenset(
    ("arena_size", "memory_budget", "checkpoint_log_bytes", "scrub_bytes_per_s")
)
_SECONDS: Final = frozenset(("history_retention",))
_LOGIN: Final = re.compile(r"(?<=://)[^/@]+(?=@)")


def shown(settings: Settings, name: str) -> str | None:
    """Return a setting as it would be written; None for one that says nothing."""
    value = getattr(settings, name)
    if value is None or value == "":
        return None
    return MASK if name in SECRETS else _LOGIN.sub(MASK, written(name, value))


def written(name: str, value: Any) -> str:
    """Return the text that says a value of a setting, in the largest unit that divides it."""
    if isinstance(value, PerSpace):
        others = (f"{space}={count}" for space, count in value.spaces.items())
        return ",".join([str(value.default), *others])
    if isinstance(value, bool):
        return "on" if value else "off"
    if value and name in _BYTES:
        units = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))
    elif value and name in _SECONDS:
        units = ((86_400, "d"), (3_600, "h"), (60, "m"))
    else:
        return str(value)
    for size, unit in units:
        if value % size == 0:
            return f"{value // size}{unit}"
    return str(value)
