"""What a configuration file may say, and how what is wrong in it is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engram.config.file import FILE_BYTES_MAX, expand, read_file, read_text
from engram.config.keys import KEYS, meant, setting_of
from engram.model.errors import InvalidRequest
from engram.settings import Settings, load_settings

TOML, YAML = Path("c.toml"), Path("c.yaml")


def settings(text: str, path: Path = TOML, **environment: str) -> Settings:
    """Return what a file alone says."""
    return load_settings({}, read_text(text, path, environment))


def refused(text: str, path: Path = TOML) -> list[str]:
    """Return every complaint about a file."""
    with pytest.raises(InvalidRequest) as found:
        settings(text, path)
    return list(found.value.violations)


SAME = Settings(
    data_root="/m", hot_capacity=settings("persistence.hot_capacity = 5").hot_capacity,
    history_retention=86_400, linker=False, access=True, rate_limit=2.5, http_port=80,
)  # fmt: skip


IN_TOML = """
http = { port = 80 }
limits.rate = 2.5
[persistence]
data_root = '/m'
hot_capacity = 5
history_retention = '1d'
[background]
linker = false
[access]
enabled = 'on'
"""
IN_YAML = """
http: {port: 80}
limits:
  rate: 2.5
persistence: {data_root: /m, hot_capacity: 5, history_retention: 1d}
background:
  linker: off
access:
  enabled: true
"""


@pytest.mark.parametrize(("path", "text"), [(TOML, IN_TOML), (YAML, IN_YAML)])
def test_both_languages_say_the_same(path: Path, text: str) -> None:
    assert settings(text, path) == SAME


def test_a_wrong_key_is_told_with_its_place_and_what_was_meant() -> None:
    text = (
        "data_root = 'x'\n[persistance]\ndata_root = 'x'\n[persistence]\ndata_rot = 'x'\n"
        "[http]\nrate = 3\n[moon]\nlight = 1\n"
    )
    assert refused(text) == [
        "c.toml:1: data_root is no setting; did you mean persistence.data_root?",
        "c.toml:3: persistance.data_root is no setting; did you mean persistence.data_root?",
        "c.toml:5: persistence.data_rot is no setting; did you mean persistence.data_root?",
        "c.toml:7: http.rate is no setting; did you mean limits.rate?",
        f"c.toml:9: moon.light is no setting{meant('moon.light')}",
    ]
    assert meant("moon.light").startswith("; the sections are persistence, spaces, ")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("http.port = 'eighty'", "http.port: 'eighty' is not a port from 0 to 65535"),
        ("http.port = 80.0", "http.port takes a whole number and is a number"),
        ("http.port = true", "http.port takes a whole number and is a switch, true or false"),
        ("http.host = 5", "http.host takes text and is a whole number"),
        ("http.host = ['a']", "http.host takes text and is a list"),
        ("http.host = 2026-01-01", "http.host takes text and is a time"),
        ("background.linker = 1", "background.linker takes a switch, true or false and is a whole"),
        ("background.linker = 'no'", "background.linker: 'no' is not one of on, off"),
        ("limits.rate = -1", "limits.rate: '-1' is not a number of requests"),
        ("[persistence.hot_capacity]\na = 1", "persistence.hot_capacity takes a whole number and"),
        ("http = 5", "http is no setting; it is a section with host, port"),
        (
            "http.host = '${NONE}'",
            "http.host needs the variable NONE, which is not set; set it or",
        ),
        ("http.host = '${a b}'", "http.host has a ${ that is neither"),
    ],
)
def test_a_wrong_value_is_told_with_its_place(value: str, said: str) -> None:
    (complaint,) = refused(f"# a comment\n{value}\n")
    assert complaint.startswith(f"c.toml:2: {said}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("http:\n  port: 80\n  port: 81\n", "c.yaml:3: http.port is said twice"),
        ("- http\n", "c.yaml: the file is not a table of sections"),
        ("http:\n  prt: 80\n", "c.yaml:2: http.prt is no setting; did you mean http.port?"),
        ("http:\n  host: [a]\n", "c.yaml:2: http.host takes text and is a list"),
        ("http: [a]\n", "c.yaml:1: http is no setting; it is a section with host, port"),
        ("http: {host: *a}\n", "c.yaml: found undefined alias 'a' (at line 1, column 14)"),
        ("a: !!python/object:os.system {}\n", "c.yaml:1: a is no setting"),
        ("http: {host: !!python/name:os.system x}\n", "c.yaml: could not determine a constructor"),
        ("[" * 5_000, "c.yaml"),
    ],
)  # fmt: skip
def test_yaml_is_held_to_the_same_rules(text: str, said: str) -> None:
    (complaint,) = refused(text, YAML)
    assert complaint.startswith(said)


def test_off_stays_a_word_where_it_is_one() -> None:
    """YAML takes it for false; `audit_log` takes it for itself."""
    found = settings("access: {audit_log: off}\nshell: {history: Off}\n", YAML)
    assert (found.audit_log, found.shell_history) == ("off", "off")
    (complaint,) = refused("http: {port: off}\n", YAML)
    assert complaint == "c.yaml:1: http.port: 'off' is not a port from 0 to 65535"


@pytest.mark.parametrize("text", ["", "# nothing\n", "[http]\n", "http.host = ''\n"])
def test_what_is_empty_is_not_set(text: str) -> None:
    assert settings(text) == Settings()


@pytest.mark.parametrize("text", ["", "---\n", "http:\n", "http:\n  host:\n", "http: {}\n"])
def test_what_is_empty_in_yaml_is_not_set(text: str) -> None:
    assert settings(text, YAML) == Settings()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${A}/x", "a/x"), ("${EMPTY}", ""), ("${EMPTY:-d}", "d"), ("${B:-}", ""),
        ("${B:-d}${A:-d}", "da"), ("$A $ $$A $${A}", "$A $ $A ${A}"), ("${B:-a b:c}", "a b:c"),
    ],
)  # fmt: skip
def test_variables_are_expanded_as_in_a_shell(text: str, value: str) -> None:
    assert expand(text, {"A": "a", "EMPTY": ""}) == value


def test_what_a_variable_holds_is_not_expanded_again() -> None:
    assert expand("${A}", {"A": "${B} $$"}) == "${B} $$"


def test_lines_are_told_past_texts_of_several_lines() -> None:
    text = "[http]\nhost = '''\nport = 1\n[a]\n'''\nport = 'x' # x = 1\n"
    assert read_text(text, TOML, {})["http_port"].place == "c.toml:6"


def test_secrets_are_not_repeated() -> None:
    (complaint,) = refused("[access]\njwt_secret = 'hunter2'\n")
    assert "hunter2" not in complaint
    assert complaint.startswith("c.toml:2: access.jwt_secret: a secret has at least 32 bytes")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (TOML, "[access]\njwt_secret = '${hunter2 x}'\n"),
        (TOML, "[access]\njwt_secret = 'hunter2\n"),
        (TOML, "[access]\njwt_secret = ['hunter2']\n"),
        (YAML, "access: {jwt_secret: hunter2, ]\n"),
        (YAML, "access:\n  jwt_secret: 'hunter2\n"),
        (YAML, "access: {jwt_secret: !x hunter2}\n"),
    ],
)
def test_what_is_wrong_beside_a_secret_is_told_without_it(path: Path, text: str) -> None:
    assert "hunter2" not in " ".join(refused(text, path))


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("c.toml", b"[http\n", "c.toml: Expected ']' .* line 1"),
        ("c.toml", b"a = '\xff'", "c.toml is not UTF-8 (byte 5)"),
        ("c.toml", b"#" * (FILE_BYTES_MAX + 1), "c.toml has more than 1048576 bytes"),
        ("c.json", b"{}", "c.json: a configuration file ends with .toml, .yaml, .yml"),
        ("d.toml", None, "d.toml cannot be read: Is a directory"),
    ],
)
def test_a_file_that_is_none_is_refused(
    tmp_path: Path, name: str, data: bytes | None, said: str
) -> None:
    path = tmp_path / name
    if data is None:
        path.mkdir()
    else:
        path.write_bytes(data)
    with pytest.raises(InvalidRequest, match=re.escape(said).replace(r"\.\*", ".*")):
        read_file(path, {})


@pytest.mark.parametrize("setting", Settings.__struct_fields__)
def test_each_setting_has_three_names(setting: str) -> None:
    """Its key, its field, and its variable."""
    for name in (KEYS[setting], setting, f"ENGRAM_{setting.upper()}"):
        assert setting_of(name) == setting


def test_what_is_no_name_is_refused() -> None:
    for name in ("ENGRAM_", "", "http", "http.prot"):
        with pytest.raises(InvalidRequest, match="is no setting"):
            setting_of(name)


@pytest.mark.parametrize("written", ["true", "5", "0.5", "'text'", "[1]", "{a = 1}", "1979-05-27"])
def test_no_setting_is_broken_by_what_is_written(written: str) -> None:
    """Each is read, or refused by its name."""
    for key in KEYS.values():
        try:
            settings(f"{key} = {written}")
        except InvalidRequest as error:
            assert str(error).startswith(f"c.toml:1: {key}")  # noqa: PT017 - some are read
