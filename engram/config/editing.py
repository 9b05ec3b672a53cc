"""Writes one setting into a configuration file, and leaves the rest of it as it is."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from engram.config.file import TOML_SUFFIX, read_text, wanted_types
from engram.config.keys import KEYS
from engram.model.errors import InvalidRequest
from engram.settings import SECRETS, load_settings

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

_SWITCHES: Final = {"on": True, "true": True, "off": False, "false": False}
_OWNER_ALONE: Final = 0o600
_OTHERS: Final = 0o077


def write_setting(
    path: Path, setting: str, value: str, environment: Mapping[str, str]
) -> list[str]:
    """Write a setting into the file at `path`, made when it is not there; comments stay.

    An empty value takes the setting out of the file. What is in force is not looked at, only
    whether the file is right afterwards. Returns what its owner should know.

    Raises InvalidRequest when the value is none, the file is not TOML, has other faults, or cannot
    be written; it is as it was then.
    """
    if path.suffix != TOML_SUFFIX:
        raise InvalidRequest(f"{path} is not TOML; write {KEYS[setting]} into it by hand")
    path = path.resolve()  # the file, not the link to it, is what is written anew
    try:
        before = path.read_text("utf-8") if path.exists() else ""
        text = _edited(before, path, setting, value)
        _check(before, text, path, setting, environment)
        mode = path.stat().st_mode & 0o777 if path.exists() else _OWNER_ALONE
        _replace(path, text, mode)
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be written: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{path} is not UTF-8 (byte {error.start})") from error
    if setting in SECRETS and value and mode & _OTHERS:
        return [f"others can read {path}; `chmod 600` it"]
    return []


def _edited(text: str, path: Path, setting: str, value: str) -> str:
    import tomlkit  # noqa: PLC0415 - only for what is written
    from tomlkit.exceptions import TOMLKitError  # noqa: PLC0415 - as above

    try:
        document = tomlkit.parse(text)
        _put(document, *KEYS[setting].split("."), value=_native(setting, value))
        return tomlkit.dumps(document)
    except (TOMLKitError, TypeError, AttributeError) as error:
        raise InvalidRequest(f"{path}: {error}; mend the file first") from error


def _put(document: TOMLDocument, section: str, key: str, *, value: Any) -> None:
    import tomlkit  # noqa: PLC0415 - as above

    if value == "":
        table = document.get(section, {})
        if key in table:
            del table[key]
        return
    if section not in document:
        if document.as_string().strip():
            document.add(tomlkit.nl())
        document.add(section, tomlkit.table())
    table = document[section]
    table[key] = value


def _native(setting: str, value: str) -> Any:
    """Return the value of TOML that a text says, a text where there is none."""
    wanted = wanted_types(setting)
    if bool in wanted:
        return _SWITCHES.get(value.lower(), value)
    if wanted == (str,):
        return value
    for kind in sorted(wanted, key=lambda each: each is float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value


def _check(
    before: str, after: str, path: Path, setting: str, environment: Mapping[str, str]
) -> None:
    """InvalidRequest when the file would be wrong afterwards, or say something else, too."""
    found = read_text(after, path, environment)
    load_settings({}, found)
    try:
        old = read_text(before, path, environment)
    except InvalidRequest:
        return  # it was wrong, and is not any more
    others = [
        {name: given.text for name, given in each.items() if name != setting}
        for each in (old, found)
    ]
    if others[0] != others[1]:
        raise InvalidRequest(f"{path} is laid out so that {KEYS[setting]} is best set by hand")


def _replace(path: Path, text: str, mode: int) -> None:
    """Put a text in the place of a file: nobody finds half of it, whatever happens."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
