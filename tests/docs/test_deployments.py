"""The systemd unit and the Dockerfile are what they are said to be; no engine runs them here."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from configparser import RawConfigParser
from fnmatch import fnmatch
from pathlib import Path

import pytest

from engram.edges.cli.app import build_app
from engram.edges.cli.screen import make_console
from engram.edges.cli.session import Session
from engram.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]
OPERATIONS = ROOT / "docs" / "operations"
DOCKERFILE = OPERATIONS / "Dockerfile"
UNIT = OPERATIONS / "engram.service"
HARDENING = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "CapabilityBoundingSet": "",
    "UMask": "0077",
}


def command_is_known(words: list[str]) -> bool:
    """Whether the program takes a command line; it is read, not run."""
    session = Session(None, make_console(), make_console(stderr=True))  # type: ignore[arg-type]
    build_app(session, "0").parse_args(words, exit_on_error=False, print_error=False)
    return True


def unit() -> tuple[RawConfigParser, list[str]]:
    """Return the unit, and all lines of its environment."""
    text = UNIT.read_text("utf-8")
    read = RawConfigParser(strict=False, comment_prefixes=("#",), delimiters=("=",))
    read.optionxform = str  # type: ignore[assignment,method-assign] # names keep their case
    read.read_string(text)
    return read, re.findall(r"^Environment=(.*)$", text, re.MULTILINE)


def instructions(text: str) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile, each with what follows it on one line."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    found = (line.split(None, 1) for line in joined.splitlines() if line.strip())
    return [(name, rest) for name, rest in found]


def faults(text: str) -> list[str]:
    """Return what is wrong with a Dockerfile."""
    steps = instructions(text)
    stages = [at for at, (name, _) in enumerate(steps) if name == "FROM"]
    last = steps[stages[-1] :]
    names = [name for name, _ in last]
    said = dict(last)
    bases = [rest.split()[0] for name, rest in steps if name == "FROM"]
    checks = {
        "one stage": len(stages) > 1,
        "a base without an exact tag": all(
            re.fullmatch(r"python:3\.\d+-slim-\w+", base) for base in bases
        ),
        "runs as root": re.fullmatch(r"[1-9]\d*:[1-9]\d*", said.get("USER", "")) is not None,
        "no health check": said.get("HEALTHCHECK", "NONE") != "NONE",
        "started by a shell": all(said.get(each, "")[:1] == "[" for each in ("ENTRYPOINT", "CMD")),
        "fetches what is not pinned": not any(
            "pip install" in rest and not re.search(r"--no-deps -r|-c \S+requirements", rest)
            for name, rest in steps
            if name == "RUN"
        ),
        "ADD, which fetches and unpacks": "ADD" not in [name for name, _ in steps],
        "tools of the build": all(
            rest.startswith("--from=build /opt/engram ") for name, rest in last if name == "COPY"
        ),
        "no volume for what is remembered": said.get("VOLUME") == "/var/lib/engram",
        "user set too early": "USER" not in names or names.index("USER") > max(
            at for at, name in enumerate(names) if name in ("RUN", "COPY")
        ),
    }  # fmt: skip
    return [fault for fault, holds in checks.items() if not holds]


def test_the_image_is_built_as_it_should_be() -> None:
    assert faults(DOCKERFILE.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("good", "bad", "fault"),
    [
        ("USER 10001:10001\n", "", "runs as root"),
        ("USER 10001:10001", "USER root", "runs as root"),
        (":3.12-slim-bookworm\n", ":latest\n", "a base without an exact tag"),
        ("HEALTHCHECK ", "LABEL ", "no health check"),
        ('CMD ["start"]', "CMD start", "started by a shell"),
        ("-c .ci/requirements.txt -c .ci/requirements-dev.txt ", "", "fetches what is not pinned"),
        ("COPY --from=build /opt/engram", "COPY --from=build /build", "tools of the build"),
        ("COPY zig zig", "ADD zig zig", "ADD, which fetches and unpacks"),
    ],
)
def test_a_fault_of_an_image_is_noticed(good: str, bad: str, fault: str) -> None:
    text = DOCKERFILE.read_text("utf-8")
    assert good in text
    assert fault in faults(text.replace(good, bad))


def test_the_image_starts_what_there_is() -> None:
    """Its settings can be read, its command is one, and the health check asks where it listens."""
    said = dict(instructions(DOCKERFILE.read_text("utf-8")))
    pairs = dict(word.split("=", 1) for word in shlex.split(said["ENV"]))
    own = {name: value for name, value in pairs.items() if name.startswith("ENGRAM_")}
    assert {name.removeprefix("ENGRAM_").lower() for name in own} <= set(Settings.__struct_fields__)
    settings = load_settings(own)
    assert settings.access
    assert said["EXPOSE"] == f"{settings.http_port} {settings.grpc_port}"
    assert f"127.0.0.1:{settings.http_port}/health'" in said["HEALTHCHECK"]
    assert json.loads(said["ENTRYPOINT"]) == ["engram"]
    assert command_is_known(json.loads(said["CMD"]))


def test_what_the_image_is_built_of_is_there_and_let_through() -> None:
    """The list beside the Dockerfile shuts out all but what is copied."""
    allowed = [
        line[1:]
        for line in (OPERATIONS / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    ]
    copied = [
        source
        for name, rest in instructions(DOCKERFILE.read_text("utf-8"))
        if name == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    ]
    assert sorted(copied) == sorted(allowed)
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert not any(fnmatch("docs/operations/run.md", each) for each in allowed)


def test_the_unit_starts_what_there_is_and_gives_it_time_to_stop() -> None:
    read, environment = unit()
    service = dict(read["Service"])
    program, *words = shlex.split(service["ExecStart"])
    assert program == "/opt/engram/bin/engram"
    assert command_is_known(words)
    assert service["KillSignal"] == "SIGTERM"
    assert int(service["TimeoutStopSec"]) > 15
    own = dict(line.split("=", 1) for line in environment)
    assert own["ENGRAM_DATA_ROOT"] == f"/var/lib/{service['StateDirectory']}"
    load_settings(own)
    assert {name.removeprefix("ENGRAM_").lower() for name in own} <= set(Settings.__struct_fields__)


def test_the_unit_gives_the_server_no_more_than_it_needs() -> None:
    read, _ = unit()
    service = dict(read["Service"])
    assert {name: service.get(name) for name in HARDENING} == HARDENING
    assert service["User"] not in ("root", "0")


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    """Of names and values; the program it starts is not on this machine."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not on this machine")
    text = UNIT.read_text("utf-8").replace("/opt/engram/bin/engram", "/bin/true")
    copy = tmp_path / "engram.service"
    copy.write_text(text, "utf-8")
    done = subprocess.run(  # noqa: S603 - a tool of the system on our own file
        ["systemd-analyze", "verify", "--man=no", str(copy)],  # noqa: S607 - wherever it is
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    about_it = [line for line in done.stderr.splitlines() if "engram.service" in line]
    assert about_it == []
