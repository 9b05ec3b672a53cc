"""What a configuration file says: TOML or YAML -> the text of each setting, and its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from engram.config.keys import SECTIONS, SETTINGS, meant
from engram.model.errors import InvalidRequest
from engram.setting_values import PerSpace
from engram.settings import Given, Settings

FILE_BYTES_MAX: Final = 1 << 20
"""Of a configuration file: all settings together take some kilobytes; more is another file."""

TOML_SUFFIX: Final = ".toml"
_SUFFIXES: Final = (TOML_SUFFIX, ".yaml", ".yml")
_REFERENCE: Final = re.compile(r"\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^${}]*))?\}|\$\{")
_TOML_SECTION: Final = re.compile(r"\s*\[([^\[\]]+)\]\s*(?:#.*)?$")
_TOML_KEY: Final = re.compile(r"""\s*([\w."'\s-]+?)\s*=""")
_TYPES: Final[dict[type, str]] = {
    bool: "a switch, true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    type(None): "nothing",
    list: "a list",
    dict: "a table",
}


class Entry(NamedTuple):
    """One thing a file says."""

    key: str
    value: Any
    line: int | None
    word: str | None = None
    """What is written there, where the file's language takes on and off for true and false."""


def read_file(path: Path, environment: Mapping[str, str]) -> dict[str, Given]:
    """Return the text of each setting that a file names, `${...}` expanded.

    Raises InvalidRequest that lists all that is wrong, each with file, line and key.
    """
    if path.suffix not in _SUFFIXES:
        raise InvalidRequest(f"{path}: a configuration file ends with {', '.join(_SUFFIXES)}")
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > FILE_BYTES_MAX:
        raise InvalidRequest(f"{path} has more than {FILE_BYTES_MAX} bytes: no configuration")
    try:
        return read_text(data.decode(), path, environment)
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{path} is not UTF-8 (byte {error.start})") from error


def read_text(text: str, path: Path, environment: Mapping[str, str]) -> dict[str, Given]:
    """Return what `read_file` does of what the file at `path` holds, or would."""
    try:
        entries = list(_toml(text) if path.suffix == TOML_SUFFIX else _yaml(text))
    except RecursionError:
        raise InvalidRequest(f"{path} is nested too deeply") from None
    except ValueError as error:
        raise InvalidRequest(f"{path}: {error}") from error
    found: dict[str, Given] = {}
    violations = []
    for entry in entries:
        place = str(path) if entry.line is None else f"{path}:{entry.line}"
        try:
            given = _text_of(entry, environment)
            setting = SETTINGS[entry.key]
            if setting in found:
                raise InvalidRequest("is said twice")  # noqa: TRY301 - as all that is wrong
        except InvalidRequest as error:
            violations.append(f"{place}: {entry.key} {error}")
            continue
        if given:
            found[setting] = Given(given, place, entry.key)
    if violations:
        raise InvalidRequest(*violations)
    return found


def _text_of(entry: Entry, environment: Mapping[str, str]) -> str:
    """Return what an entry says as its variable would say it; "" for what counts as not set."""
    if entry.key not in SETTINGS:
        raise InvalidRequest(f"is no setting{meant(entry.key)}")
    value, wanted = entry.value, wanted_types(SETTINGS[entry.key])
    if value is None:
        return ""
    if isinstance(value, str):
        return expand(value, environment)
    if type(value) is bool and bool not in wanted and entry.word is not None:
        return entry.word  # YAML takes `off` for false, whatever it stands for
    if type(value) not in wanted:
        is_what = _TYPES.get(type(value), "a time")
        raise InvalidRequest(f"takes {_TYPES[wanted[0]]} and is {is_what}")
    return ("on" if value else "off") if type(value) is bool else str(value)


def wanted_types(setting: str) -> tuple[type, ...]:
    """Return the types a file may give a setting besides text, the plainest first."""
    kind = str(Settings.__annotations__[setting])
    if kind == "bool":
        return (bool,)
    if kind == "float":
        return (float, int)
    if kind.startswith(("int", PerSpace.__name__)):
        return (int,)
    return (str,)


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Return a text with `${VAR}` and `${VAR:-default}` replaced; `$$` stands for a dollar.

    As in a shell, the default stands for a variable that is empty, too. InvalidRequest for a
    variable that is not set and has no default.
    """

    def value_of(found: re.Match[str]) -> str:
        name, default = found[1], found[2]
        if found[0] == "$$":
            return "$"
        if name is None:
            raise InvalidRequest("has a ${ that is neither ${VAR} nor ${VAR:-default}")
        if value := environment.get(name):
            return value
        if default is None and value is None:
            raise InvalidRequest(
                f"needs the variable {name}, which is not set; set it or write ${{{name}:-default}}"
            )
        return default or ""

    return _REFERENCE.sub(value_of, text)


def _toml(text: str) -> Iterator[Entry]:
    tables = tomllib.loads(text)
    lines = _toml_lines(text)
    yield from _entries(tables, "", lines)


def _entries(table: dict[str, Any], prefix: str, lines: Mapping[str, int]) -> Iterator[Entry]:
    for name, value in table.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict) and key in SECTIONS:
            yield from _entries(value, f"{key}.", lines)
        elif isinstance(value, dict) and not prefix:
            # Not one complaint for the section, but one for each key: it may belong elsewhere.
            inner = [
                Entry(f"{key}.{each}", value[each], lines.get(f"{key}.{each}")) for each in value
            ]
            yield from inner or [Entry(key, value, lines.get(key))]
        else:
            yield Entry(key, value, lines.get(key))


def _toml_lines(text: str) -> dict[str, int]:
    """Return the line on which each key of a TOML file stands; the parser does not tell it."""
    lines: dict[str, int] = {}
    section, quotes = "", ""
    for number, line in enumerate(text.splitlines(), 1):
        if quotes:  # inside a text of several lines
            quotes = "" if quotes in line else quotes
            continue
        if found := _TOML_SECTION.match(line):
            section = _bare(found[1])
            lines.setdefault(section, number)
        elif found := _TOML_KEY.match(line):
            lines.setdefault(f"{section}.{_bare(found[1])}" if section else _bare(found[1]), number)
            quotes = next((each for each in ('"""', "'''") if line.count(each) == 1), "")
    return lines


def _bare(key: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in key.split("."))


def _yaml(text: str) -> Iterator[Entry]:
    import yaml  # noqa: PLC0415 - few files are YAML

    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            if root is not None and loader.construct_object(root) is not None:
                raise ValueError("the file is not a table of sections")
            return
        for name, node in root.value:
            is_section = isinstance(node, yaml.MappingNode) and node.value
            if not is_section and name.value in SECTIONS and not node.value:
                continue  # a section that says nothing
            for inner, value in node.value if is_section else [(None, node)]:
                key = name.value if inner is None else f"{name.value}.{inner.value}"
                line = (inner or name).start_mark.line + 1
                yield Entry(str(key), *_yaml_value(loader, value, line))
    except yaml.MarkedYAMLError as error:
        # Without what is written around there: that may be a secret.
        mark = error.problem_mark or error.context_mark
        place = "" if mark is None else f" (at line {mark.line + 1}, column {mark.column + 1})"
        raise ValueError(f"{error.problem or error.context}{place}") from error
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    finally:
        loader.dispose()


def _yaml_value(loader: Any, node: Any, line: int) -> tuple[Any, int, str | None]:
    """Return what a node says; of what is no scalar only that it is a list or a table."""
    if node.id == "scalar":
        return loader.construct_object(node), line, node.value.lower()
    return ([] if node.id == "sequence" else {}), line, None
