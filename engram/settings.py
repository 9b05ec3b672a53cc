"""One frozen Settings, from defaults < environment < arguments. Units stand in the names."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from engram.model.capacities import Capacities
from engram.model.errors import InvalidRequest
from engram.model.ids import DEFAULT_SPACE, check_space_id
from engram.model.limits import (
    ARENA_BYTES_MAX,
    ARENA_BYTES_MIN,
    CAPACITY_MAX,
    CHECKPOINT_LOG_BYTES_DEFAULT,
    CHECKPOINT_LOG_BYTES_MIN,
    COLD_CAPACITY_DEFAULT,
    HISTORY_RETENTION_SECONDS_DEFAULT,
    HISTORY_RETENTION_SECONDS_MAX,
    HOT_CAPACITY_DEFAULT,
    MEMORY_BUDGET_BYTES_MIN,
    SCRUB_BYTES_PER_S_DEFAULT,
    WARM_CAPACITY_DEFAULT,
)

KERNEL_CHOICES: Final = ("auto", "zig", "numpy", "shadow")
ISA_CHOICES: Final = ("auto", "baseline", "avx2", "avx512", "neon")
SHADOW_SHARE_DEFAULT: Final = 0.01
OVERFLOW_CHOICES: Final = ("error", "fallback", "panic")
_SECONDS_BY_UNIT: Final = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DATA_ROOT: Final = "~/.local/share/engram"
_SHELL_HISTORY: Final = "~/.local/state/engram/shell_history"


class PerSpace(msgspec.Struct, frozen=True):
    """A number for every memory space, and others for some."""

    default: int
    spaces: dict[str, int] = {}

    def of(self, space: str) -> int:
        """Return the number of a space."""
        return self.spaces.get(space, self.default)


class Settings(msgspec.Struct, frozen=True):
    """What can be set; every field has an environment variable `ENGRAM_<NAME>`."""

    data_root: str = _DATA_ROOT
    memory_space: str = DEFAULT_SPACE
    kernels: str = "auto"
    kernels_isa: str = "auto"
    kernels_shadow_share: float = SHADOW_SHARE_DEFAULT
    """Of the calls of each kernel, in (0, 1]; with `kernels` shadow only."""
    arena_size: int | None = None
    """In bytes; None leaves it as it is: 1 MiB, or what `configure_arena` set."""
    arena_overflow: str | None = None
    """None leaves it as it is: `error`, or what `configure_arena` set."""
    memory_budget: int | None = None
    """In bytes, of all that a store keeps resident; None: half of what the machine has."""
    hot_capacity: PerSpace = PerSpace(HOT_CAPACITY_DEFAULT)
    warm_capacity: PerSpace = PerSpace(WARM_CAPACITY_DEFAULT)
    cold_capacity: PerSpace = PerSpace(COLD_CAPACITY_DEFAULT)
    history_retention: int = HISTORY_RETENTION_SECONDS_DEFAULT
    """In seconds; 0 keeps no history."""
    checkpoint_log_bytes: int = CHECKPOINT_LOG_BYTES_DEFAULT
    """Log a space may gather before a snapshot of it is written."""
    scrub_bytes_per_s: int = SCRUB_BYTES_PER_S_DEFAULT
    """Of snapshots and tier segments that are read again in the background; 0: none."""
    linker: bool = True
    """Whether memories are linked to what they are like in the background."""
    consolidation: bool = True
    """Whether concepts are formed once a minute."""
    embedder: str = "static"
    embedder_url: str = ""
    embedder_api_key: str = ""
    archive: str = ""
    """A place for backups to which log records are copied before the log lets them go."""
    shell_history: str = _SHELL_HISTORY
    """The file where `engram shell` keeps what was typed; `off`: none."""

    def capacities_of(self, space: str) -> Capacities:
        """Return how many memories each tier of a space holds."""
        return Capacities(
            self.hot_capacity.of(space), self.warm_capacity.of(space), self.cold_capacity.of(space)
        )

    @property
    def shell_history_path(self) -> Path | None:
        """Where `engram shell` keeps what was typed, with `~` expanded; None: nowhere."""
        return None if self.shell_history == "off" else expanded(self.shell_history)

    @property
    def data_path(self) -> Path:
        """The data root with `~` expanded."""
        return expanded(self.data_root)


def expanded(path: str | os.PathLike[str]) -> Path:
    """Return the path with a leading `~` expanded."""
    return Path(path).expanduser()


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
    def read(text: str) -> PerSpace:
        default, spaces = None, {}
        for part in text.split(","):
            name, _, count = part.strip().rpartition("=")
            if not re.fullmatch(r"\d{1,10}", count, re.ASCII):
                raise InvalidRequest(
                    f"{part.strip()!r} is not a count; write it like 100000, or with another one "
                    "for some spaces: 100000,production=500000"
                )
            if not least <= int(count) <= CAPACITY_MAX:
                raise InvalidRequest(f"{count} is not within {least} to {CAPACITY_MAX}")
            if name:
                spaces[_space(name)] = int(count)
            else:
                default = int(count)
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


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise InvalidRequest(f"{text!r} is not one of {', '.join(choices)}")
        return text

    return read


def _space(text: str) -> str:
    check_space_id(text)
    return text


def _switch(text: str) -> bool:
    return _one_of("on", "off")(text) == "on"


_READERS: Final[dict[str, Callable[[str], Any]]] = {
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
    "checkpoint_log_bytes": _checkpoint_log_bytes,
    "history_retention": _history_retention,
    "scrub_bytes_per_s": bytes_of,
    "linker": _switch,
    "consolidation": _switch,
}


def load_settings(
    environment: Mapping[str, str] | None = None, **arguments: str | None
) -> Settings:
    """Return the settings in force; arguments that are None count as not given.

    Raises InvalidRequest that names everything that is wrong and what it may be.
    """
    environment = os.environ if environment is None else environment
    chosen: dict[str, Any] = {}
    violations = []
    for name in Settings.__struct_fields__:
        value, source = arguments.get(name), ""
        if value is None:
            value = environment.get(f"ENGRAM_{name.upper()}") or None
            source = f"ENGRAM_{name.upper()}={value}: "
        if value is None:
            continue
        try:
            chosen[name] = _READERS.get(name, str)(value)
        except InvalidRequest as error:
            violations.append(f"{source}{error}")
    if violations:
        raise InvalidRequest(*violations)
    return Settings(**chosen)
