"""What answers and refusals come to as plain values, and where two of them differ."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Mapping
from typing import Any, Final

import msgspec

from engram.model.errors import EngramError, InvalidRequest

# What differs from run to run, or tells of the process alone.
UNTOLD: Final = frozenset(
    (
        *("timings_us", "recovery_ms", "wal_lag_ms", "measured_us", "result"),
        *("resident_bytes", "log_bytes", "syncs"),
    )
)


def told(value: Any) -> Any:
    """Return what a value says as plain values, so that two answers can be compared."""
    if isinstance(value, msgspec.Struct):
        fields = {name: getattr(value, name) for name in value.__struct_fields__}
        return type(value).__name__, told(fields)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        named = dict(zip(value._fields, value, strict=True))
        return type(value).__name__, told(named)
    if isinstance(value, Mapping):
        return {name: told(each) for name, each in value.items() if name not in UNTOLD}
    if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
        return value
    return [told(each) for each in value]


def differences(found: Any, wanted: Any, place: str = "") -> Iterator[str]:
    """Yield where two answers differ."""
    if isinstance(found, dict) and isinstance(wanted, dict) and found.keys() == wanted.keys():
        for name, each in found.items():
            yield from differences(each, wanted[name], f"{place}.{name}")
    elif isinstance(found, list | tuple) and type(found) is type(wanted):
        if len(found) != len(wanted):
            yield f"{place}: {len(found)} and not {len(wanted)}"
        for at, (each, other) in enumerate(zip(found, wanted, strict=False)):
            yield from differences(each, other, f"{place}[{at}]")
    elif found != wanted:
        yield f"{place}: {found!r} and not {wanted!r}"


async def refused(call: Awaitable[Any]) -> Any:
    """Return the refusal of a call that must be refused."""
    try:
        done = await call
    except EngramError as met:
        error = met
    else:
        raise AssertionError(f"what must be refused was answered with {done!r}")
    # A server reads types before rules, and says of a wrong one what JSON calls it.
    said = () if isinstance(error, InvalidRequest) else (str(error),)
    facts = {name: fact for name, fact in vars(error).items() if name != "request_id"}
    facts.pop("violations", None)
    return type(error).__name__, error.code, *said, facts
