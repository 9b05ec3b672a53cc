"""The proto alone is enough for a client, by the words that the page has."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import engram.v1

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "grpc.md"


def test_a_client_is_made_of_the_proto_alone(tmp_path: Path) -> None:
    """In a directory that has nothing else, and used where Engram is not looked for."""
    (block,) = re.findall(r"```sh\n(pip install grpcio-tools .*?)```", PAGE.read_text(), re.DOTALL)
    command = block.partition("\n")[2]
    shutil.copy(Path(next(iter(engram.v1.__path__))) / "engram.proto", tmp_path)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(  # noqa: S603 - the words of our own page
        ["/bin/sh", "-c", command], cwd=tmp_path, env={**os.environ, "PATH": path}, check=True
    )
    used = (
        "import grpc, engram_pb2, engram_pb2_grpc\n"
        "request = engram_pb2.RecallRequest(query='who?')\n"
        "stub = engram_pb2_grpc.EngramStub(grpc.insecure_channel('localhost:1'))\n"
        "print(request.query, callable(stub.StreamingRemember))"
    )
    said = subprocess.run(  # noqa: S603 - as above
        [sys.executable, "-c", used], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert said.stdout == "who? True\n"
