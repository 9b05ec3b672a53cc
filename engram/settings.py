"""One frozen Settings, from defaults < file < environment < arguments. Units stand in the names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from engram.model.capacities import Capacities
from engram.model.errors import InvalidRequest
from engram.model.ids import DEFAULT_SPACE
from engram.model.limits import (
    CHECKPOINT_LOG_BYTES_DEFAULT,
    COLD_CAPACITY_DEFAULT,
    HISTORY_RETENTION_SECONDS_DEFAULT,
    HOT_CAPACITY_DEFAULT,
    QUERY_BUDGET_MS_DEFAULT,
    SCRUB_BYTES_PER_S_DEFAULT,
    SPACES_MAX_DEFAULT,
    SPACES_PER_CALLER_DEFAULT,
    WARM_CAPACITY_DEFAULT,
)
from engram.model.quotas import Quotas
from engram.setting_values import READERS, PerSpace

SHADOW_SHARE_DEFAULT: Final = 0.01
HTTP_PORT_DEFAULT: Final = 7432
GRPC_PORT_DEFAULT: Final = 50051
RATE_BURST_DEFAULT: Final = 100
SECRETS: Final = frozenset(("api_key", "embedder_api_key", "jwt_secret"))
_DATA_ROOT: Final = "~/.local/share/engram"
# What begins with a dot is no space to the store.
_AUDIT_FILE: Final = ".audit.ndjson"
_SHELL_HISTORY: Final = "~/.local/state/engram/shell_history"


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
    spaces_max: int = SPACES_MAX_DEFAULT
    """Memory spaces of a store; 0: no bound."""
    spaces_per_caller: int = SPACES_PER_CALLER_DEFAULT
    """How many of them one caller of a server may make while it runs; 0: no bound."""
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
    grpc: str = "auto"
    """Whether `engram start` serves gRPC beside HTTP: `on`, `off`, or `auto`: where the extra is
    installed and the port is free."""
    grpc_port: int = GRPC_PORT_DEFAULT
    """On the host of HTTP; 0: one that is free."""
    tls_certificate: str = ""
    """A file with the certificate of the server and those that vouch for it, in PEM; empty: HTTP
    and gRPC go unencrypted."""
    tls_key: str = ""
    """The file with its private key."""
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
    log_format: str = "text"
    """How the server says what it does on standard error: `text` or `json`."""
    log_level: str = "info"
    """From which level on: debug, info, warning or error."""
    traces: str = "off"
    """Where spans go: `off`, `on` (where OpenTelemetry is set up for) or a collector's URL."""
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
    def tls_files(self) -> tuple[Path, Path] | None:
        """The certificate and the key of the server, with `~` expanded; None: no TLS.

        Raises InvalidRequest when one is set without the other.
        """
        if not (self.tls_certificate or self.tls_key):
            return None
        if not (self.tls_certificate and self.tls_key):
            raise InvalidRequest(
                "tls_certificate and tls_key belong together; set both of them, or none"
            )
        return expanded(self.tls_certificate), expanded(self.tls_key)

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
            chosen[name] = READERS.get(name, str)(value)
        except InvalidRequest as error:
            violations.append(f"{source}{error}")
    if violations:
        raise InvalidRequest(*violations)
    return Settings(**chosen)
