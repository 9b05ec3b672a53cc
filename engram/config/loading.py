"""The settings in force, and where each comes from: file < environment < arguments."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from engram.config.keys import variable
from engram.config.places import Place, find_file
from engram.settings import Given, Settings, load_settings, process_environment


class Origin(NamedTuple):
    """Who says what a setting is."""

    source: Literal["default", "file", "environment", "argument"]
    where: str
    """File and line, the variable, or "" where there is nothing to add."""

    def __str__(self) -> str:
        """Return it as people read it."""
        return self.where or self.source


class Configuration(NamedTuple):
    """Settings, who says so, and the file that was looked for."""

    settings: Settings
    origins: dict[str, Origin]
    place: Place


def load_configuration(
    config: str | os.PathLike[str] | None = None,
    environment: Mapping[str, str] | None = None,
    arguments: Mapping[str, str | None] = MappingProxyType({}),
) -> Configuration:
    """Return what file, environment and arguments say together; None as argument says nothing.

    Args:
        config: the file; None for that of ENGRAM_CONFIG, else of this user, if there is one.
        environment: that of this process when left out.
        arguments: settings by name, as text.

    Raises:
        InvalidRequest: names everything that is wrong in one of the three, and what it may be.
    """
    environment = process_environment() if environment is None else environment
    place = find_file(config, environment)
    found: dict[str, Given] = {}
    if place.path is not None and place.path.exists():
        from engram.config.file import read_file  # noqa: PLC0415 - only where there is a file

        found = read_file(place.path, environment)
    settings = load_settings(environment, found, **arguments)
    origins = {
        name: _origin(name, found, environment, arguments) for name in Settings.__struct_fields__
    }
    return Configuration(settings, origins, place)


def _origin(
    name: str,
    found: Mapping[str, Given],
    environment: Mapping[str, str],
    arguments: Mapping[str, str | None],
) -> Origin:
    if arguments.get(name) is not None:
        return Origin("argument", "")
    if environment.get(variable(name)):
        return Origin("environment", variable(name))
    return Origin("file", found[name].place) if name in found else Origin("default", "")
