"""Which key of a configuration file says which setting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from engram.model.errors import InvalidRequest
from engram.settings import Settings

SECTIONS: Final[dict[str, dict[str, str]]] = {
    "persistence": {
        "data_root": "data_root",
        "hot_capacity": "hot_capacity",
        "warm_capacity": "warm_capacity",
        "cold_capacity": "cold_capacity",
        "memory_budget": "memory_budget",
        "history_retention": "history_retention",
        "checkpoint_log_bytes": "checkpoint_log_bytes",
        "scrub_bytes_per_s": "scrub_bytes_per_s",
        "archive": "archive",
    },
    "spaces": {
        "default": "memory_space",
        "create_on_write": "create_on_write",
        "max": "spaces_max",
        "per_caller": "spaces_per_caller",
    },
    "kernels": {
        "backend": "kernels",
        "isa": "kernels_isa",
        "shadow_share": "kernels_shadow_share",
        "arena_size": "arena_size",
        "arena_overflow": "arena_overflow",
    },
    "background": {"linker": "linker", "consolidation": "consolidation"},
    "query": {"budget_ms": "query_budget_ms"},
    "embedder": {"name": "embedder", "url": "embedder_url", "api_key": "embedder_api_key"},
    "http": {"host": "http_host", "port": "http_port"},
    "grpc": {"serve": "grpc", "port": "grpc_port"},
    "tls": {"certificate": "tls_certificate", "key": "tls_key"},
    "access": {
        "enabled": "access",
        "api_key": "api_key",
        "jwt_secret": "jwt_secret",
        "audit_log": "audit_log",
    },
    "limits": {"rate": "rate_limit", "burst": "rate_burst"},
    "quotas": {
        "memories": "quota_memories",
        "bytes": "quota_bytes",
        "writes_per_s": "quota_writes_per_s",
    },
    "traces": {"to": "traces"},
    "logging": {"format": "log_format", "level": "log_level"},
    "shell": {"history": "shell_history"},
}
"""Section -> key -> field of `Settings`; each field stands here once."""

SETTINGS: Final[dict[str, str]] = {
    f"{section}.{key}": setting
    for section, keys in SECTIONS.items()
    for key, setting in keys.items()
}
KEYS: Final[dict[str, str]] = {setting: key for key, setting in SETTINGS.items()}

# How alike a word must be to one that is known, to be taken for a slip: as difflib counts it.
_ALIKE: Final = 0.6


def variable(setting: str) -> str:
    """Return the environment variable of a setting."""
    return f"ENGRAM_{setting.upper()}"


def setting_of(name: str) -> str:
    """Return the setting that a key, a field of Settings or a variable names.

    InvalidRequest for anything else, with what may have been meant.
    """
    plain = name.removeprefix("ENGRAM_").lower() if name.startswith("ENGRAM_") else name
    found = SETTINGS.get(name) or (plain if plain in Settings.__struct_fields__ else None)
    if found is None:
        raise InvalidRequest(f"{name!r} is no setting{meant(name)}")
    return found


def meant(name: str) -> str:
    """Return a clause that says which key was meant, or which there are."""
    if name in KEYS:
        return f"; did you mean {KEYS[name]}?"
    if name in SECTIONS:
        return f"; it is a section with {', '.join(SECTIONS[name])}"
    section, _, key = name.rpartition(".")
    homes = {each.rpartition(".")[2]: each for each in SETTINGS}
    if key in homes and key not in SECTIONS.get(section, ()):
        return f"; did you mean {homes[key]}?"
    at_home = {each: f"{section}.{each}" for each in SECTIONS.get(section, ())}
    return _close(((key, at_home), (name, {each: each for each in SETTINGS}), (key, KEYS | homes)))


def _close(known: Sequence[tuple[str, Mapping[str, str]]]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only for what is wrong

    for word, keys in known:
        for close in get_close_matches(word, keys, 1, _ALIKE):
            return f"; did you mean {keys[close]}?"
    return f"; the sections are {', '.join(SECTIONS)}"
