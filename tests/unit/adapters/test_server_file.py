"""Who has a store open, as the file beside it and its lock tell."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from engram.adapters.local.filesystem import LocalFilesystem
from engram.adapters.local.server_file import RunningServer, ServerFile
from engram.engine.store import STORE_FILE

if TYPE_CHECKING:
    from pathlib import Path

URL = "http://127.0.0.1:7432"


def test_a_server_that_is_stopping_has_the_store_until_it_lets_go(tmp_path: Path) -> None:
    """Nobody is to find it any more, but a store that it has not closed cannot be opened."""
    file, server = ServerFile(tmp_path), RunningServer(os.getpid(), URL)
    held = LocalFilesystem(tmp_path).lock(STORE_FILE)
    file.write(URL)
    assert file.read() == server
    file.remove()
    assert (file.read(), file.has_store(server)) == (None, True)
    held.close()
    assert not file.has_store(server)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell who holds a lock")
def test_a_store_that_another_process_has_is_not_the_servers(tmp_path: Path) -> None:
    file, gone = ServerFile(tmp_path), RunningServer(os.getpid() + 1, URL)
    held = LocalFilesystem(tmp_path).lock(STORE_FILE)
    assert not file.has_store(gone)
    held.close()
