"""Where the configuration file is."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from engram.model.errors import InvalidRequest
from engram.settings import expanded

VARIABLE: Final = "ENGRAM_CONFIG"
_NONE: Final = "off"
_NAMES: Final = ("config.toml", "config.yaml", "config.yml")


class Place(NamedTuple):
    """Where a configuration file is, and who says so."""

    path: Path | None
    """None: none is read."""
    chosen_by: str
    """`--config`, `ENGRAM_CONFIG`, or `default`."""


def find_file(
    told: str | os.PathLike[str] | None,
    environment: Mapping[str, str],
    platform: str = "",
    *,
    to_write: bool = False,
) -> Place:
    """Return the file that is told, else that of ENGRAM_CONFIG, else that of this user.

    That of this user need not exist; InvalidRequest when there are two of it, or when one that was
    named is not there (`to_write`: it may be made). `off` says that none is to be read.
    """
    chosen = ((told, "--config"), (environment.get(VARIABLE) or None, VARIABLE))
    for where, chosen_by in chosen:
        if where is not None and os.fspath(where) == _NONE:
            return Place(None, chosen_by)
        if where is not None:
            path = expanded(where)
            if not (to_write or path.exists()):
                raise InvalidRequest(f"{chosen_by}: there is no file {path}")
            return Place(path, chosen_by)
    directory = _directory(environment, platform or sys.platform)
    there = [directory / name for name in _NAMES if (directory / name).exists()]
    if len(there) > 1:
        names = " and ".join(path.name for path in there)
        raise InvalidRequest(f"{directory} holds {names}; keep one of them")
    return Place(there[0] if there else directory / _NAMES[0], "default")


def _directory(environment: Mapping[str, str], platform: str) -> Path:
    """Return where this user's file belongs, by the habit of the system."""
    if platform == "darwin":
        return expanded("~/Library/Application Support/engram")
    if platform == "win32":
        return Path(environment.get("APPDATA") or expanded("~/AppData/Roaming"), "engram")
    base = environment.get("XDG_CONFIG_HOME", "")
    # The XDG base directory specification: a path that is not absolute is to be ignored.
    return Path(base if Path(base).is_absolute() else expanded("~/.config"), "engram")
