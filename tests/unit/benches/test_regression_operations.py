"""The operations that callgrind counts do what their names say."""

from __future__ import annotations

from pathlib import Path

import pytest

from benches.regression.operations import GROUPS, OPERATIONS


@pytest.mark.anyio
async def test_the_groups_make_every_operation_that_the_baseline_holds(tmp_path: Path) -> None:
    made: list[str] = []
    for group, opened in GROUPS.items():
        async with opened(tmp_path / group) as (operations, indexed):
            for name, operation in operations.items():
                await operation(1)
                made.append(name)
            await indexed()
    assert tuple(made) == OPERATIONS
