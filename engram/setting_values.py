"""What the text of a setting may be, and the value it says; refusals name what would be right."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import inf
from typing import Any, Final

import msgspec

from engram.model.errors import InvalidRequest
from engram.model.ids import check_space_id
from engram.model.limits import (
    ARENA_BYTES_MAX,
    ARENA_BYTES_MIN,
    CAPACITY_MAX,
    CHECKPOINT_LOG_BYTES_MIN,
    HISTORY_RETENTION_SECONDS_MAX,
    MEMORY_BUDGET_BYTES_MIN,
)

KERNEL_CHOICES: Final = ("auto", "zig", "numpy", "shadow")
ISA_CHOICES: Final = ("auto", "baseline", "avx2", "avx512", "neon")
OVERFLOW_CHOICES: Final = ("error", "fallback", "panic")
LOG_FORMATS: Final = ("text", "json")
LOG_LEVELS: Final = ("debug", "info", "warning", "error")
_RATE_MAX: Final = 1_000_000.0
_SECRET_BYTES_MIN: Final = 32
_PORT_MAX: Final = 65_535
_SECONDS_BY_UNIT: Final = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}


class PerSpace(msgspec.Struct, frozen=True):
    """A number for every memory space, and others for some."""

    default: int
    spaces: dict[str, int] = {}

    def of(self, space: str) -> int:
        """Return the number of a space."""
        return self.spaces.get(space, self.default)


def bytes_of(text: str) -> int:
    """Return the number of bytes that `1048576`, `512KiB`, `4MiB` or `1GiB` says.

    InvalidRequest for anything else.
    """
    found = re.fullmatch(r"(\d+)(?: ?([KMG])iB)?", text.strip(), re.ASCII | re.IGNORECASE)
    if found is None:
        raise InvalidRequest(f"{text!r} is not a size; write bytes, or like 512KiB, 4MiB, 1GiB")
    return int(found[1]) << 10 * (" KMG".index(found[2].upper()) if found[2] else 0)


def _arena_size(text: str) -> int:
    size = bytes_of(text)
    if not ARENA_BYTES_MIN <= size <= ARENA_BYTES_MAX:
        raise InvalidRequest(f"{size} bytes are not within {ARENA_BYTES_MIN} to {ARENA_BYTES_MAX}")
    return size


def _checkpoint_log_bytes(text: str) -> int:
    size = bytes_of(text)
    if size < CHECKPOINT_LOG_BYTES_MIN:
        least = CHECKPOINT_LOG_BYTES_MIN >> 20
        raise InvalidRequest(f"{text} is below {least}MiB: snapshots would follow each other")
    return size


def seconds_of(text: str) -> int:
    """Return the number of seconds that `90`, `90s`, `30m`, `12h` or `7d` says.

    InvalidRequest for anything else.
    """
    found = re.fullmatch(r"(\d+) ?([smhd]?)", text.strip(), re.ASCII | re.IGNORECASE)
    if found is None:
        raise InvalidRequest(f"{text!r} is not a duration; write it like 90s, 30m, 12h or 7d")
    return int(found[1]) * _SECONDS_BY_UNIT[found[2].lower()]


def _history_retention(text: str) -> int:
    seconds = seconds_of(text)
    if seconds > HISTORY_RETENTION_SECONDS_MAX:
        days = HISTORY_RETENTION_SECONDS_MAX // _SECONDS_BY_UNIT["d"]
        raise InvalidRequest(f"{text} is longer than {days}d, the longest history there is")
    return seconds


def _memory_budget(text: str) -> int:
    size = bytes_of(text)
    if size < MEMORY_BUDGET_BYTES_MIN:
        least = MEMORY_BUDGET_BYTES_MIN >> 20
        raise InvalidRequest(f"{text} is below {least}MiB, the least a store can work with")
    return size


def _capacity(least: int) -> Callable[[str], PerSpace]:
    def count(text: str) -> int:
        if not re.fullmatch(r"\d{1,10}", text, re.ASCII):
            raise InvalidRequest(
                f"{text!r} is not a count; write it like 100000, or with another one "
                "for some spaces: 100000,production=500000"
            )
        if not least <= int(text) <= CAPACITY_MAX:
            raise InvalidRequest(f"{text} is not within {least} to {CAPACITY_MAX}")
        return int(text)

    return _per_space(count)


def _per_space(read_one: Callable[[str], int]) -> Callable[[str], PerSpace]:
    def read(text: str) -> PerSpace:
        default, spaces = None, {}
        for part in text.split(","):
            name, _, number = part.strip().rpartition("=")
            if name:
                spaces[_space(name)] = read_one(number)
            else:
                default = read_one(number)
        if default is None:
            raise InvalidRequest(f"{text!r} has no count for the spaces it does not name")
        return PerSpace(default, spaces)

    return read


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0.0 < share <= 1.0:
        raise InvalidRequest(f"{text!r} is not a share above 0 and at most 1, like 0.01")
    return share


def _milliseconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0.0 < number < inf:
        raise InvalidRequest(f"{text!r} is not a number of milliseconds above 0, like 10000")
    return number


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise InvalidRequest(f"{text!r} is not one of {', '.join(choices)}")
        return text

    return read


def _space(text: str) -> str:
    check_space_id(text)
    return text


def _port(text: str) -> int:
    if not re.fullmatch(r"\d{1,5}", text, re.ASCII) or int(text) > _PORT_MAX:
        raise InvalidRequest(f"{text!r} is not a port from 0 to {_PORT_MAX}")
    return int(text)


def _jwt_secret(text: str) -> str:
    # RFC 7518 section 3.2: a key of HS256 is at least as long as the hash.
    if len(text.encode()) < _SECRET_BYTES_MIN:
        raise InvalidRequest(f"a secret has at least {_SECRET_BYTES_MIN} bytes; make a longer one")
    return text


def _traces(text: str) -> str:
    if text in {"off", "on"}:
        return text
    if not re.fullmatch(r"https?://[^\s@/?#]+[^\s@?#]*", text):
        raise InvalidRequest(
            f"{text!r} is not off, on, or the URL of a collector, like http://127.0.0.1:4318; what "
            "it is to be shown goes into OTEL_EXPORTER_OTLP_HEADERS"
        )
    return text


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0.0 <= rate <= _RATE_MAX:
        raise InvalidRequest(f"{text!r} is not a number of requests a second, like 100; 0 is none")
    return rate


def _burst(text: str) -> int:
    if not re.fullmatch(r"\d{1,7}", text, re.ASCII) or not int(text):
        raise InvalidRequest(f"{text!r} is not a number of requests from 1 to 9999999")
    return int(text)


def _spaces(text: str) -> int:
    if not re.fullmatch(r"\d{1,7}", text, re.ASCII):
        raise InvalidRequest(f"{text!r} is not a number of memory spaces, like 1000; 0: no bound")
    return int(text)


def _switch(text: str) -> bool:
    return _one_of("on", "off")(text) == "on"


READERS: Final[dict[str, Callable[[str], Any]]] = {
    "memory_space": _space,
    "kernels": _one_of(*KERNEL_CHOICES),
    "kernels_isa": _one_of(*ISA_CHOICES),
    "kernels_shadow_share": _share,
    "arena_size": _arena_size,
    "arena_overflow": _one_of(*OVERFLOW_CHOICES),
    "memory_budget": _memory_budget,
    "hot_capacity": _capacity(0),
    "warm_capacity": _capacity(0),
    "cold_capacity": _capacity(1),
    "quota_memories": _capacity(0),
    "quota_bytes": _per_space(bytes_of),
    "quota_writes_per_s": _capacity(0),
    "checkpoint_log_bytes": _checkpoint_log_bytes,
    "history_retention": _history_retention,
    "scrub_bytes_per_s": bytes_of,
    "linker": _switch,
    "consolidation": _switch,
    "create_on_write": _switch,
    "spaces_max": _spaces,
    "spaces_per_caller": _spaces,
    "query_budget_ms": _milliseconds,
    "http_port": _port,
    "grpc": _one_of("auto", "on", "off"),
    "grpc_port": _port,
    "access": _switch,
    "log_format": _one_of(*LOG_FORMATS),
    "log_level": _one_of(*LOG_LEVELS),
    "traces": _traces,
    "jwt_secret": _jwt_secret,
    "rate_limit": _rate,
    "rate_burst": _burst,
}
"""By setting; one that is missing takes any text."""
