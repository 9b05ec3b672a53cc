"""Which file is read, and which of file, environment and arguments is heard."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import engram.sync
from engram.config.loading import Origin, load_configuration
from engram.config.places import Place, find_file
from engram.model.errors import InvalidRequest


def home(tmp_path: Path, *names: str) -> dict[str, str]:
    """Return an environment whose directory for configuration holds these files."""
    (tmp_path / "engram").mkdir(exist_ok=True)
    for name in names:
        (tmp_path / "engram" / name).touch()
    return {"XDG_CONFIG_HOME": str(tmp_path)}


def test_arguments_beat_the_environment_which_beats_the_file(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("[http]\nhost = 'f'\nport = 1\n[spaces]\ndefault = 'f'\n", "utf-8")
    environment = {"ENGRAM_HTTP_HOST": "e", "ENGRAM_HTTP_PORT": "2", "ENGRAM_MEMORY_SPACE": ""}
    found = load_configuration(file, environment, {"http_host": "a", "data_root": None})
    said = found.settings
    assert (said.http_host, said.http_port, said.memory_space) == ("a", 2, "f")
    assert found.origins["http_host"] == Origin("argument", "")
    assert found.origins["http_port"] == Origin("environment", "ENGRAM_HTTP_PORT")
    assert found.origins["memory_space"] == Origin("file", f"{file}:5")
    assert found.origins["data_root"] == Origin("default", "")
    assert [str(found.origins[name]) for name in ("http_host", "memory_space")] == [
        "argument", f"{file}:5",
    ]  # fmt: skip


def test_what_is_wrong_in_file_and_environment_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("[http]\nport = 99999\n", "utf-8")
    with pytest.raises(InvalidRequest) as found:
        load_configuration(file, {"ENGRAM_LINKER": "no"})
    assert len(found.value.violations) == 2


def test_a_value_that_is_overruled_does_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("[http]\nport = 99999\n", "utf-8")
    assert load_configuration(file, {"ENGRAM_HTTP_PORT": "1"}).settings.http_port == 1


def test_the_file_that_is_told_is_the_one(tmp_path: Path) -> None:
    environment = home(tmp_path, "config.toml")
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    one.touch()
    two.touch()
    assert find_file(None, environment) == Place(tmp_path / "engram/config.toml", "default")
    environment["ENGRAM_CONFIG"] = str(one)
    assert find_file(None, environment) == Place(one, "ENGRAM_CONFIG")
    assert find_file(two, environment) == Place(two, "--config")
    assert find_file("off", environment) == Place(None, "--config")
    assert find_file(None, {"ENGRAM_CONFIG": "off"}) == Place(None, "ENGRAM_CONFIG")


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="--config: there is no file "):
        find_file(tmp_path / "x.toml", {})
    with pytest.raises(InvalidRequest, match="ENGRAM_CONFIG: there is no file "):
        find_file(None, {"ENGRAM_CONFIG": str(tmp_path / "x.toml")})


def test_one_that_nobody_named_need_not_be_there(tmp_path: Path) -> None:
    found = load_configuration(None, {"XDG_CONFIG_HOME": str(tmp_path)})
    assert found.place.path == tmp_path / "engram" / "config.toml"


def test_yaml_is_found_and_two_files_are_refused(tmp_path: Path) -> None:
    found = find_file(None, home(tmp_path, "config.yml"))
    assert found.path == tmp_path / "engram" / "config.yml"
    with pytest.raises(InvalidRequest, match=re.escape("holds config.toml and config.yml; keep")):
        find_file(None, home(tmp_path, "config.toml"))


@pytest.mark.parametrize(
    ("platform", "environment", "end"),
    [
        ("linux", {}, ".config/engram/config.toml"),
        ("linux", {"XDG_CONFIG_HOME": "relative"}, ".config/engram/config.toml"),
        ("darwin", {"XDG_CONFIG_HOME": "/x"}, "Library/Application Support/engram/config.toml"),
        ("win32", {"APPDATA": "/a"}, "/a/engram/config.toml"),
        ("win32", {}, "AppData/Roaming/engram/config.toml"),
    ],
)
def test_each_system_has_its_place(
    platform: str,
    environment: dict[str, str],
    end: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    path = find_file(None, environment, platform).path
    assert path is not None
    assert path.as_posix().endswith(end)
    assert end.startswith("/") or path.is_relative_to(tmp_path)


def test_the_library_reads_a_file_when_it_is_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no other: neither that of the user nor that of ENGRAM_CONFIG."""
    for name in ("one", "two"):
        text = f"[persistence]\ndata_root = '{tmp_path / name}'\n[embedder]\nname = 'none'\n"
        (tmp_path / f"{name}.toml").write_text(text, "utf-8")
    monkeypatch.setenv("ENGRAM_CONFIG", str(tmp_path / "two.toml"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("ENGRAM_DATA_ROOT", raising=False)
    monkeypatch.setenv("ENGRAM_KERNELS", "numpy")
    with engram.sync.open(config=tmp_path / "one.toml") as db:
        assert (db.path, db.embedder) == (str(tmp_path / "one"), None)
    with engram.sync.open(config=True) as db:
        assert db.path == str(tmp_path / "two")
    with engram.sync.open(embedder=None) as db:
        assert db.path == str(tmp_path / ".local/share/engram")


def test_the_library_tells_what_is_wrong_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("[http]\nprt = 1\n", "utf-8")
    with (
        pytest.raises(InvalidRequest, match=r"did you mean http\.port"),
        engram.sync.open(tmp_path, config=tmp_path / "c.toml"),
    ):
        pass
