"""An episode is completed from the space's own episodes, every field with its source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from engram.model.errors import DimensionMismatch, InvalidRequest, SpaceNotFound
from engram.testing.stores import simulated_store

if TYPE_CHECKING:
    from engram.service.particulars import EpisodeParts
    from engram.service.space import Space

pytestmark = pytest.mark.anyio


async def told(space: Space, **episode: Any) -> str:
    """Remember an episode and return its id."""
    text = " ".join(str(part) for part in episode.values())
    parts = cast("EpisodeParts", episode)
    return (await space.remember(text, episode=parts)).id


async def test_a_stored_episode_is_recalled_from_a_part_of_it() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        tea = await told(space, what="tea", where="the garden", who=["Ada", "Bo"], why="summer")
        await told(space, what="chess", where="the library", who=["Cy"], why="rain")
        found = await space.complete(what="tea", where="the garden")
        best = found[0]
        assert best["who"].value == ("Ada", "Bo")
        assert best["why"].value == "summer"
        assert (best["why"].source, best["why"].evidence) == ("recalled", (tea,))
        assert best["why"].confidence == pytest.approx(1.0, abs=1e-3)
        assert (best["what"].value, best["what"].source) == ("tea", "given")
        assert "how" not in best.fields
        assert best.evidence == (tea,)
        assert best.confidence == pytest.approx(1.0, abs=1e-3)
        assert (len(found), found.note) == (1, None)


async def test_what_only_resembles_is_reconstructed() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        tea = await told(space, what="a cup of tea", where="the garden", who=["Ada"])
        best = (await space.complete(what="a cup of coffee", who="ada lovelace"))[0]
        assert best["where"].value == "the garden"
        assert (best["where"].source, best["where"].evidence) == ("reconstructed", (tea,))
        assert 0.5 < best["where"].confidence < 1.0


async def test_what_nobody_says_who_agrees_is_imagined_or_left_out() -> None:
    """The first says where Ada is; only another one says why one is there."""
    async with simulated_store() as engram:
        space = await engram.space()
        await told(space, who=["Ada"], where="the harbour")
        ships = await told(space, who=["Bo"], where="the harbour", why="to see the ships")
        best = (await space.complete(who="Ada"))[0]
        assert (best["where"].value, best["where"].source) == ("the harbour", "recalled")
        assert (best["why"].value, best["why"].source) == ("to see the ships", "imagined")
        assert best["why"].evidence == (ships,)
        assert best["why"].confidence <= best["where"].confidence
        assert "how" not in best.fields


async def test_several_hypotheses_come_the_surest_first() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        for number in range(3):
            await told(space, who=["Ada"], where="London", how=f"by train {number}")
        await told(space, who=["Ada"], where="Paris", how="by ship")
        found = await space.complete(who="Ada")
        assert [each["where"].value for each in found] == ["London", "Paris"]
        assert found[0].confidence > found[1].confidence
        assert found[0]["where"].confidence > found[0]["how"].confidence
        assert len(found[0]["where"].evidence) == 3
        assert len(await space.complete(who="Ada", limit=1)) == 1


async def test_a_doubted_memory_weighs_less() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        for where, confidence in (("London", 0.2), ("Paris", 0.9)):
            episode: EpisodeParts = {"who": ["Ada"], "where": where}
            await space.remember(where, episode=episode, confidence=confidence)
        assert (await space.complete(who="Ada"))[0]["where"].value == "Paris"


async def test_what_is_gone_takes_no_part_and_what_is_new_does() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        london = await told(space, who=["Ada"], where="London")
        assert (await space.complete(who="Ada"))[0]["where"].value == "London"
        rome = await told(space, who=["Ada"], where="Rome")
        await space.forget(london, mode="suppress")
        assert (await space.complete(who="Ada"))[0]["where"].value == "Rome"
        await space.unsuppress(london)
        await space.forget(rome, mode="erase")
        assert [each["where"].value for each in await space.complete(who="Ada")] == ["London"]
        await space.forget(london)
        assert (await space.complete(who="Ada")).note is not None


async def test_nothing_in_common_is_said() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        await space.remember("no episode at all")
        nothing = await space.complete(who="Ada")
        assert nothing.note == "no memory of the space tells what, where, who, why or how"
        await told(space, who=["Bo"], where="Rome")
        nothing = await space.complete(who="Ada")
        assert (len(nothing), list(nothing)) == (0, [])
        assert nothing.note == "no memory has anything in common with what was given"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "nothing is given"),
        ({"what": "a", "where": "b", "who": "c", "why": "d", "how": "e"}, "every field is given"),
        ({"what": ""}, "what must be text"),
        ({"what": ["a", "b"]}, "what must be text"),
        ({"who": []}, "who must be text"),
        ({"who": [5]}, "who must be text"),
        ({"who": ["a"] * 65}, "who has 65 names"),
        ({"who": "a", "limit": 4}, "limit 4 is not a whole number from 1 to 3"),
    ],
)
async def test_a_request_that_breaks_a_rule_is_refused(
    arguments: dict[str, Any], said: str
) -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        await space.remember("something")
        with pytest.raises(InvalidRequest, match=said):
            await space.complete(**arguments)


async def test_a_space_that_is_not_there_completes_nothing() -> None:
    async with simulated_store() as engram:
        with pytest.raises(SpaceNotFound):
            await (await engram.space("nowhere")).complete(who="Ada")


async def test_a_statement_completes_as_the_verb_does() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        tea = await told(space, what="tea", where="the garden", who=["Ada", "Bo"])
        await told(space, what="tea", where="the kitchen", who=["Ada"])
        answer = await space.query(
            'COMPLETE who = "Ada", who = $bo, what = "tea" LIMIT 1', {"bo": "Bo"}
        )
        (row,) = answer
        found = (await space.complete(who=["Ada", "Bo"], what="tea", limit=1))[0]
        assert (row["where"], row["why"]) == ("the garden", None)
        assert row["sources"] == {"what": "given", "where": "recalled", "who": "given"}
        assert row.confidence == found.confidence
        assert row.evidence[0] == tea
        nothing = await space.query('COMPLETE why = "none"')
        assert nothing.note is not None
        explained = await space.query('EXPLAIN COMPLETE who = "Ada"')
        assert explained.plan is not None
        assert explained.plan.cost_us > 0


async def test_a_vector_of_which_a_part_is_known_completes_an_episode() -> None:
    nan = float("nan")
    async with simulated_store() as engram:
        space = await engram.space()
        ids = []
        for number, where in enumerate(("the garden", "the library", "the harbour")):
            vector = [0.1] * 6
            vector[2 * number] = vector[2 * number + 1] = 1.0
            parts = cast("EpisodeParts", {"what": "a walk", "where": where, "who": ["Ada"]})
            done = await space.remember(where, episode=parts, embedding=vector)
            ids.append(done.id)
        for number in range(3):
            known = [nan] * 6
            known[2 * number], known[2 * number - 1] = 1.0, 0.1
            best = (await space.complete(embedding=known, limit=1))[0]
            assert best["where"].evidence[0] == ids[number]
            alone = (await space.complete(what="a walk", limit=1))[0]
            both = (await space.complete(what="a walk", embedding=known, limit=1))[0]
            assert both["where"].evidence[0] == ids[number]
            assert both["where"].confidence > alone["where"].confidence + 0.2


async def test_a_whole_vector_recalls_the_episode_it_is_of() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        vectors = [[1.0, 0.2, 0.1], [0.1, 1.0, 0.3]]
        for where, vector in zip(("the garden", "the library"), vectors, strict=True):
            await space.remember(where, episode={"where": where}, embedding=vector)
        best = (await space.complete(embedding=vectors[1]))[0]
        assert (best["where"].value, best["where"].source) == ("the library", "recalled")


@pytest.mark.parametrize(
    "wrong", [[], [float("nan")] * 3, [0.0, float("nan"), 0.0], [float("inf"), 1.0, 0.0], "abc"]
)
async def test_a_vector_that_says_nothing_is_refused(wrong: Any) -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        await space.remember("x", episode={"what": "x"}, embedding=[1.0, 0.0, 0.0])
        with pytest.raises(InvalidRequest, match="embedding"):
            await space.complete(embedding=wrong)


async def test_a_part_of_a_vector_of_another_length_does_not_fit() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        await space.remember("x", episode={"what": "x"}, embedding=[1.0, 0.0, 0.0])
        with pytest.raises(DimensionMismatch):
            await space.complete(embedding=[1.0, float("nan")])
