"""One frozen Settings, from defaults < file < environment < arguments. Units stand in the names."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from math import inf
from pathlib import Path
from typing import Any, Final, NamedTuple

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
    QUERY_BUDGET_MS_DEFAULT,
    SCRUB_BYTES_PER_S_DEFAULT,
    WARM_CAPACITY_DEFAULT,
)
from engram.model.quotas import Quotas

KERNEL_CHOICES: Final = ("auto", "zig", "numpy", "shadow")
ISA_CHOICES: Final = ("auto", "baseline", "avx2", "avx512", "neon")
SHADOW_SHARE_DEFAULT: Final = 0.01
OVERFLOW_CHOICES: Final = ("error", "fallback", "panic")
HTTP_PORT_DEFAULT: Final = 7432
RATE_BURST_DEFAULT: Final = 100
_RATE_MAX: Final = 1_000_000.0
_SECRET_BYTES_MIN: Final = 32
SECRETS: Final = frozenset(("api_key", "embedder_api_key", "jwt_secret"))
_PORT_MAX: Final = 65_535
_SECONDS_BY_UNIT: Final = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DATA_ROOT: Final = "~/.local/share/engram"
# What begins with a dot is no space to the store.
_AUDIT_FILE: Final = ".audit.ndjson"
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
    quota_memories: PerSpace = PerSpace(0)
    """Memories that may live in a space; 0: no bound but the capacity."""
    quota_bytes: PerSpace = PerSpace(0)
    """Their texts, metadata and vectors."""
    quota_writes_per_s: PerSpace = PerSpace(0)
    """How many may be stored a second on the long run."""
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
    create_on_write: bool = True
    """Whether the first write to a memory space creates it."""
    query_budget_ms: float = QUERY_BUDGET_MS_DEFAULT
    """What a statement may be expected to cost where its caller says nothing."""
    embedder: str = "static"
    embedder_url: str = ""
    embedder_api_key: str = ""
    archive: str = ""
    """A place for backups to which log records are copied before the log lets them go."""
    http_host: str = "127.0.0.1"
    """Where `engram start` listens."""
    http_port: int = HTTP_PORT_DEFAULT
    """0: one that is free."""
    access: bool = False
    """Whether the server asks who asks; beyond this machine it does not serve without."""
    api_key: str = ""
    """What commands show to a server that has access on."""
    jwt_secret: str = ""
    """What tokens are signed with, at least 32 bytes; empty: no token is accepted."""
    rate_limit: float = 0.0
    """Requests a second that a memory space may be asked on the long run; 0: no limit."""
    rate_burst: int = RATE_BURST_DEFAULT
    """How many of them at once."""
    audit_log: str = ""
    """A file; empty: `.audit.ndjson` in the store's directory where access is on; `off`: none."""
    shell_history: str = _SHELL_HISTORY
    """The file where `engram shell` keeps what was typed; `off`: none."""

    def capacities_of(self, space: str) -> Capacities:
        """Return how many memories each tier of a space holds."""
        return Capacities(
            self.hot_capacity.of(space), self.warm_capacity.of(space), self.cold_capacity.of(space)
        )

    def quotas_of(self, space: str) -> Quotas:
        """Return what a space may come to."""
        found = self.quota_memories, self.quota_bytes, self.quota_writes_per_s
        return Quotas(*(each.of(space) for each in found))

    @property
    def shell_history_path(self) -> Path | None:
        """Where `engram shell` keeps what was typed, with `~` expanded; None: nowhere."""
        return None if self.shell_history == "off" else expanded(self.shell_history)

    @property
    def audit_path(self) -> Path | None:
        """Where the server writes down who did what; None: nowhere."""
        if self.audit_log == "off" or not (self.audit_log or self.access):
            return None
        return expanded(self.audit_log) if self.audit_log else self.data_path / _AUDIT_FILE

    @property
    def is_local(self) -> bool:
        """Whether only programs of this machine can reach where the server listens."""
        from ipaddress import ip_address  # noqa: PLC0415 - only who starts a server asks

        if self.http_host == "localhost":
            return True
        try:
            return ip_address(self.http_host).is_loopback
        except ValueError:
            return False

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
    "quota_memories": _capacity(0),
    "quota_bytes": _per_space(bytes_of),
    "quota_writes_per_s": _capacity(0),
    "checkpoint_log_bytes": _checkpoint_log_bytes,
    "history_retention": _history_retention,
    "scrub_bytes_per_s": bytes_of,
    "linker": _switch,
    "consolidation": _switch,
    "create_on_write": _switch,
    "query_budget_ms": _milliseconds,
    "http_port": _port,
    "access": _switch,
    "jwt_secret": _jwt_secret,
    "rate_limit": _rate,
    "rate_burst": _burst,
}


class Given(NamedTuple):
    """What a configuration file says of a setting."""

    text: str
    """As its environment variable would say it."""
    place: str
    key: str


def process_environment() -> Mapping[str, str]:
    """Return the environment of this process."""
    return os.environ


def load_settings(
    environment: Mapping[str, str] | None = None,
    file: Mapping[str, Given] | None = None,
    **arguments: str | None,
) -> Settings:
    """Return the settings in force; arguments that are None count as not given.

    No file is read here: `file` is what one says (`engram.config.loading` reads it).
    Raises InvalidRequest that names everything that is wrong and what it may be.
    """
    environment = os.environ if environment is None else environment
    chosen: dict[str, Any] = {}
    violations = []
    for name in Settings.__struct_fields__:
        value, source = arguments.get(name), ""
        if value is None:
            value = environment.get(f"ENGRAM_{name.upper()}") or None
            shown = "***" if name in SECRETS else value
            source = f"ENGRAM_{name.upper()}={shown}: "
        if value is None and file and name in file:
            value, place, key = file[name]
            source = f"{place}: {key}: "
        if value is None:
            continue
        try:
            chosen[name] = _READERS.get(name, str)(value)
        except InvalidRequest as error:
            violations.append(f"{source}{error}")
    if violations:
        raise InvalidRequest(*violations)
    return Settings(**chosen)
