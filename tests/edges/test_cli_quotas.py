"""The quotas of a space, as the command line meets them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from tests.edges.conftest import CommandLine


def test_a_full_space_is_named_with_the_setting_that_raises_it(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command fails with the code of the library; other spaces take more."""
    monkeypatch.setenv("ENGRAM_QUOTA_MEMORIES", "5,guest=1")
    assert cli("remember", "a lake", "--space", "guest").code == 0
    refused = cli("remember", "another", "--space", "guest")
    assert refused.code == 1
    assert refused.err.startswith("QUOTA_REACHED: memory space 'guest' holds 1 memories")
    assert "ENGRAM_QUOTA_MEMORIES" in refused.err
    assert cli("remember", "another").code == 0
