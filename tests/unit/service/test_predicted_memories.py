"""What followed some memories is predicted: forward in time, as far as it is asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from engram.model.errors import MemoryNotFound
from engram.testing.clock import FakeClock
from engram.testing.stores import simulated_store

pytestmark = pytest.mark.anyio

OCCURRED = datetime(2020, 1, 1, tzinfo=UTC)


async def test_what_followed_is_predicted() -> None:
    """Forward in time, by temporal and causal associations; what was asked for counts as well."""
    clock = FakeClock()
    async with simulated_store(clock=clock) as db:
        space = await db.space()
        ids: dict[str, str] = {}
        for number, text in enumerate(["calm", "clouds", "rain", "flood"]):
            ids[text] = (
                await space.remember(
                    text, embedding=[1.0, number / 4], session="s", confidence=0.8,
                    occurred_at=OCCURRED + timedelta(days=number),
                )
            ).id  # fmt: skip
        ids["mud"] = (await space.remember("mud", embedding=[1.0, 0.0])).id
        ids["sand"] = (await space.remember("sand", embedding=[1.0, 0.0])).id
        await space.associate(ids["rain"], ids["mud"], "causal", weight=1.0, confidence=0.5)
        await space.associate(ids["rain"], ids["sand"], "semantic", weight=1.0)

        async def predicted(statement: str) -> list[str]:
            answer = await space.query(statement, {"given": ids["clouds"]})
            return [row["content"] for row in answer]

        every = await predicted("PREDICT [1, 0] GIVEN $given")
        assert set(every) == {"rain", "flood", "mud"}
        assert every[0] == "rain"
        assert await predicted("PREDICT [1, 0] GIVEN $given HORIZON 1d") == ["rain"]
        assert await predicted("PREDICT [1, 0] GIVEN $given HORIZON 36h") == ["rain"]
        assert set(await predicted("PREDICT [1, 0] GIVEN $given HORIZON 2d")) == {"rain", "flood"}
        assert await predicted("PREDICT [1, 0] GIVEN $given HORIZON 23h") == []
        assert await predicted("PREDICT [1, 0] GIVEN $given LIMIT 1") == ["rain"]
        assert await predicted('PREDICT "flood" GIVEN $given') == ["flood"]
        assert await predicted("PREDICT [1, 0] THRESHOLD 0.99 GIVEN $given") == ["mud"]
        answer = await space.query("PREDICT [1, 0] GIVEN $given", {"given": ids["clouds"]})
        rows = {row["content"]: row for row in answer}
        surest = [row.confidence or 0 for row in answer]
        assert surest == sorted(surest, reverse=True)
        some = f"PREDICT [1, 0] GIVEN $given CONFIDENCE >= {surest[1]}"
        assert len(await predicted(some)) == 2
        rain = rows["rain"]
        assert rain["after_s"] == 86_400
        assert rain["path"] == (ids["clouds"], ids["rain"])
        assert rain["sources"] == dict.fromkeys(("content", "kind", "occurred"), ids["rain"])
        assert rain.evidence == (ids["rain"], ids["clouds"])
        follows = 0.8 * 0.7047  # its confidence, and what a hop of weight 1 leaves
        alike = await space.recall(embedding=[1.0, 0.0], mode="similarity", tags_none=["x"])
        of_rain = next(hit for hit in alike if hit.memory.id == ids["rain"])
        assert rain.confidence == pytest.approx(follows * of_rain.confidence, rel=1e-3)
        assert rows["mud"].evidence == (ids["mud"], ids["clouds"], ids["rain"])
        nothing = await space.query("PREDICT [1, 0] GIVEN $given", {"given": ids["mud"]})
        assert nothing.note == "nothing followed the memories that were given"
        both = await space.query("PREDICT [1, 0] GIVEN $ids", {"ids": [ids["calm"], ids["clouds"]]})
        sure = {row["content"]: row.confidence or 0 for row in both}
        assert set(sure) == {"rain", "flood", "mud"}
        assert sure["rain"] > (rain.confidence or 0)
        with pytest.raises(MemoryNotFound):
            await space.query("PREDICT [1, 0] GIVEN 00000000-0000-7000-8000-000000000000")


async def test_ways_to_what_is_predicted_are_told() -> None:
    """All of them, with the kind of each association and the beginning of each text."""
    async with simulated_store() as db:
        space = await db.space()
        ids = {}
        for number, text in enumerate(["clouds", "wind", "rain"]):
            occurred = OCCURRED + timedelta(days=number)
            done = await space.remember(
                text, embedding=[1.0, 0.0], occurred_at=occurred, associate=False
            )
            ids[text] = done.id
        await space.associate(ids["clouds"], ids["rain"], "causal", weight=0.5)
        await space.associate(ids["wind"], ids["rain"], "temporal", weight=0.75)
        given = {"ids": [ids["clouds"], ids["wind"]]}
        answer = await space.query("PREDICT [1, 0] GIVEN $ids", given, explain=True)
        (rain,) = answer.result
        assert {tuple(map(str, path)) for path in rain.paths} == {
            ('"clouds"', 'causal 0.50 -> "rain"'),
            ('"wind"', 'temporal 0.75 -> "rain"'),
        }
        assert rain.path == rain.paths[0]
        assert answer[0]["path"] == tuple(step.memory_id for step in rain.path)
        assert set(answer.evidence) == set(ids.values())
        plain = await space.query("PREDICT [1, 0] GIVEN $ids", given)
        assert plain.result[0].paths == ()
