"""One frozen Settings, from defaults < environment < arguments. Units stand in the names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from engram.model.errors import InvalidRequest
from engram.model.ids import DEFAULT_SPACE, check_space_id

KERNEL_CHOICES: Final = ("auto", "zig", "numpy")
_DATA_ROOT: Final = "~/.local/share/engram"


class Settings(msgspec.Struct, frozen=True):
    """What can be set; every field has an environment variable `ENGRAM_<NAME>`."""

    data_root: str = _DATA_ROOT
    memory_space: str = DEFAULT_SPACE
    kernels: str = "auto"
    embedder: str = "static"
    embedder_url: str = ""
    embedder_api_key: str = ""

    @property
    def data_path(self) -> Path:
        """The data root with `~` expanded."""
        return expanded(self.data_root)


def expanded(path: str | os.PathLike[str]) -> Path:
    """Return the path with a leading `~` expanded."""
    return Path(path).expanduser()


def load_settings(
    environment: Mapping[str, str] | None = None, **arguments: str | None
) -> Settings:
    """Return the settings in force; arguments that are None count as not given.

    Raises InvalidRequest that names the variable and what it may be.
    """
    environment = os.environ if environment is None else environment
    chosen: dict[str, str] = {}
    for name in Settings.__struct_fields__:
        value = arguments.get(name)
        if value is None:
            value = environment.get(f"ENGRAM_{name.upper()}") or None
        if value is not None:
            chosen[name] = value
    settings = Settings(**chosen)
    if settings.kernels not in KERNEL_CHOICES:
        raise InvalidRequest(
            f"ENGRAM_KERNELS={settings.kernels!r} is not one of {', '.join(KERNEL_CHOICES)}"
        )
    check_space_id(settings.memory_space)
    return settings
