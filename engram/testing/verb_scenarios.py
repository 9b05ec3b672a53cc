"""Calls that must come to the same through every front end: this process, or a server of it.

Each takes an open store, of any front, and returns what came of it. The stores are empty, have a
`HashingEmbedder`, the same seed, and clocks that stand.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final, TypeAlias

import numpy as np

from engram.model.errors import InvalidRequest
from engram.testing.comparing import refused

MISSING: Final = "00000000-0000-7000-8000-000000000000"
WHEN: Final = datetime(1833, 6, 5, 12, 30, tzinfo=timezone(timedelta(hours=2)))
Scenario: TypeAlias = Callable[[Any], Awaitable[Any]]
SCENARIOS: Final[list[Scenario]] = []


def scenario(call: Scenario) -> Scenario:
    """Add a scenario to the table."""
    SCENARIOS.append(call)
    return call


async def filled(db: Any) -> tuple[Any, list[str]]:
    """Return a space with three memories, and their ids."""
    space = await db.space("notes")
    texts = ("Ada met Babbage in London.", "Babbage built an engine.", "The kettle is blue.")
    found = [await space.remember(text, tags=["history"], session="s") for text in texts]
    return space, [each.id for each in found]


@scenario
async def _every_field_of_a_memory_comes_back(db: Any) -> Any:
    space = await db.space("notes")
    done = await space.remember(
        "Ada met \U0001f436 Babbage.",
        kind="semantic",
        confidence="high",
        occurred_at=WHEN,
        tags=("b", "a"),
        source="letter \u2709",
        session="s",
        metadata={"n": 2**40, "deep": [{"\u00e4": 0.1}], "nothing": None},
        entities=["Ada"],
        priority=7,
        expires_at=datetime(2200, 1, 1, tzinfo=UTC),
        episode={"what": "a meeting", "who": ["Ada", "Babbage"], "where": "London"},
        confidence_reason="read it",
        fact_key="ada.met",
        fact_value="Babbage",
    )
    again = await space.remember("x", associate=False)
    return done, again, await space.get(done.id), await space.get(again.id.upper())


@scenario
async def _a_text_seen_again_is_one_memory(db: Any) -> Any:
    space, ids = await filled(db)
    again = await space.remember("The kettle is blue.", session="s")
    return ids, again, (await space.get(ids[2])).seen_count


@scenario
async def _many_are_remembered_at_once(db: Any) -> Any:
    space = await db.space()
    said = []
    done = await space.remember_many(
        ["one", {"content": "two", "tags": ["t"], "source": None}, "one"],
        embeddings=np.eye(3, 64, dtype=np.float32),
        progress=lambda *each: said.append(each),
        # With a key the log has the answer, too; a client always has one.
        request_key="many",
    )
    none = await space.remember_many([])
    return (
        list(done.ids),
        done.lsn,
        done.created_count,
        said,
        none.created_count,
        none.lsn,
        await space.stats(),
    )


@scenario
async def _the_same_request_key_gets_the_first_answer(db: Any) -> Any:
    space = await db.space()
    first = await space.remember("a", request_key="k \u00e9")
    await space.remember("b")
    again = await space.remember("a", request_key="k \u00e9")
    many = [await space.remember_many(["c", "d"], request_key="m") for _ in range(2)]
    gone = [await space.forget(first.id, request_key="f") for _ in range(2)]
    return first, again, many, gone, await refused(space.remember("c", request_key="k \u00e9"))


@scenario
async def _what_is_recalled_has_its_score_parts_and_ways(db: Any) -> Any:
    space, ids = await filled(db)
    await space.associate(ids[1], ids[2], "causal", weight=0.8)
    result = await space.recall("who met Babbage?", limit=5, explain=True)
    cases = [
        result,
        await space.recall("Babbage", limit=1, mode="similarity", tags_any=iter(["history"])),
        await space.recall(memory_ids=[ids[0]], reinforce=False, session="s"),
        await space.recall(embedding=np.ones(64, np.float32), deadline_ms=60_000),
        await space.recall("x", tags_all=["nothing"]),
        await space.recall("Babbage", metadata={"a.b": {"gte": 3}}, include_expired=True),
    ]
    last = await space.get(ids[0])
    told_of = [result.explain(), result.recall_confidence, result.show().svg, result.cue]
    return cases, told_of, [hit.relevance for hit in result], last.access_count


@scenario
async def _a_list_goes_page_by_page(db: Any) -> Any:
    space, ids = await filled(db)
    pages = [await space.list(limit=2)]
    pages.append(await space.list(limit=2, cursor=pages[0].cursor))
    now = (await space.get(ids[0])).recorded_at
    pages += [
        await space.list(tags_all=["history", "x"]),
        await space.list(kinds=["episodic"], confidence_min=0.5, occurred_before=WHEN),
        await space.list(sessions=["s"], recorded_after=now, priority_min=5),
        await space.list(metadata={"a": 1}, include_suppressed=True),
        await space.list(as_of=now),
    ]
    return pages


@scenario
async def _a_memory_is_forgotten_hidden_and_brought_back(db: Any) -> Any:
    space, ids = await filled(db)
    hidden = await space.forget(ids[0], mode="suppress")
    steps = [hidden, await refused(space.get(ids[0]))]
    steps += [await space.get(ids[0], include_suppressed=True), await space.unsuppress(ids[0])]
    steps += [await space.forget(ids[1]), await refused(space.get(ids[1]))]
    erased = await space.forget(ids[2], mode="erase")
    return steps, erased.mode, list(erased.ids), erased.lsn, (await space.list()).total


@scenario
async def _a_correction_supersedes(db: Any) -> Any:
    space, ids = await filled(db)
    done = await space.update(ids[0], content="Ada met him.", source="me", request_key="u")
    more = await space.update(done.id, tags=[], session=None, occurred_at=WHEN)
    return done, more, await space.history(ids[0]), await refused(space.get(ids[0]))


@scenario
async def _feedback_changes_strength(db: Any) -> Any:
    space, ids = await filled(db)
    return await space.feedback(ids[0], "useful"), await refused(space.feedback(ids[0], "nice"))


@scenario
async def _associations_are_made_followed_and_ended(db: Any) -> Any:
    space, (a, b, c) = await filled(db)
    made = await space.associate(a, c, "causal", weight=0.3, why="so it was", both_ways=True)
    again = await space.associate(a, c, "causal", weight=0.9, confidence=0.4)
    return (
        (made, again),
        await space.associations(a, direction="both", kinds=["causal", "temporal"], limit=5),
        await space.associations(a),
        await space.neighbours(a, hops=2, kinds=("causal",)),
        await space.paths(b, a, k=3, hops_max=4, deadline_ms=60_000),
        await space.paths(a, b, how="shortest", kinds=["spatial"]),
        await space.dissociate(a, c),
        await refused(space.dissociate(a, c)),
        await refused(space.associate(a, MISSING)),
        await refused(space.associations(a, kinds="causal")),
    )


@scenario
async def _activation_spreads(db: Any) -> Any:
    space, ids = await filled(db)
    found = await space.spread(ids[:1], hops=2, limit=2, decay=0.5)
    none = await space.spread(ids[:1], kinds=["spatial"])
    counts = found.reached_count, found.edges_count, found.is_partial
    return list(found), counts, repr(found), list(none), await refused(space.spread([MISSING]))


@scenario
async def _what_was_there_is_recognized_and_completed(db: Any) -> Any:
    space, ids = await filled(db)
    for where in ("London", "Paris"):
        episode = {"what": "tea", "who": ["Ada"], "where": where}
        await space.remember(f"Ada had tea in {where}.", episode=episode)
    known = np.full(64, np.nan)
    known[:2] = 0.5
    return (
        await space.recognize("The kettle is blue.", limit=2, tags_all=["history"]),
        await space.recognize(embedding=np.ones(64)),
        await space.complete(who="Ada", where="London"),
        await space.complete(what="tea", embedding=known, limit=2),
        await refused(space.complete()),
        ids,
    )


@scenario
async def _statements_are_carried_out(db: Any) -> Any:
    space, ids = await filled(db)
    asked = [
        'RECALL "who met Babbage?" LIMIT 2',
        "RECALL $cue",
        f'SPREAD FROM "{ids[0]}"',
        f'SHOW ASSOCIATIONS OF "{ids[0]}"',
        'EXPLAIN RECALL "Babbage"',
        "SHOW SPACES",
        'CONSOLIDATE WHERE tag HAS "history" INTO babbage',
    ]
    answers = []
    for each in asked:
        cue = {"cue": "kettle"} if "$" in each else None
        answers.append(await space.query(each, cue, explain=True))
    sure = [(each.confidence, each.confidence_interval, each.evidence) for each in answers]
    return (
        answers,
        sure,
        answers[4].plan is not None and str(answers[4].plan),
        await refused(space.query("RECALL")),
        await refused(space.query('RECALL "x"', budget_ms=0.0001)),
        await refused(space.query("RECALL $missing")),
    )


@scenario
async def _concepts_are_formed_and_cited(db: Any) -> Any:
    space = await db.space()
    await space.remember_many([f"Ada drank tea {n} times in London" for n in range(1, 7)])
    done = await space.consolidate(episodes_max=100)
    concepts = await space.concepts(limit=5)
    held = [await space.belief_history(each.memory.id) for each in concepts]
    return done, concepts, held, await refused(space.belief_history(MISSING))


@scenario
async def _words_episodes_and_labels_are_listed(db: Any) -> Any:
    space, _ = await filled(db)
    return (
        await space.search("Babbage engine", limit=2, explain=True, tags_any=["history"]),
        await space.replay(limit=2),
        await space.replay(occurred_before=WHEN, kinds=["semantic"]),
        await space.labels(),
        await space.labels("session", prefix="S", limit=1),
        await refused(space.labels("nonsense")),
        await refused(space.search("")),
    )


@scenario
async def _many_are_forgotten_or_none(db: Any) -> Any:
    space, ids = await filled(db)
    said: list[tuple[int, int]] = []
    return (
        await refused(space.forget_many([ids[0], MISSING])),
        await refused(space.forget_many(["no id"])),
        (await space.list()).total,
        await space.forget_many(iter(ids[:2]), progress=lambda *each: said.append(each)),
        await space.forget_many(ids[2:], mode="suppress"),
        (await space.list()).total,
        said[-1],
    )


@scenario
async def _many_associations_are_made(db: Any) -> Any:
    space, (a, b, c) = await filled(db)
    new = [{"source_id": a, "target_id": b, "weight": 0.9}, {"source_id": b, "target_id": c}]
    wrong = [{"source_id": a, "target_id": MISSING}]
    return (
        await space.associate_many(iter(new)),
        await space.associate_many(new),
        await space.associate_many([]),
        await refused(space.associate_many(wrong)),
        await space.associations(b),
    )


@scenario
async def _what_clashes_and_what_lasts_is_told(db: Any) -> Any:
    space = await db.space()
    for city in ("Rome", "Oslo"):
        await space.remember(f"I am in {city}.", fact_key="user.city", fact_value=city)
    ids = [each.id for each in await space.list()]
    found = await space.contradictions()
    return (
        (found, str(found[0]), await space.contradictions(ids[0], limit=1)),
        await refused(space.contradictions(MISSING)),
        await space.near_duplicates(limit=3),
        await space.lability(ids[0]),
        await refused(space.lability(MISSING)),
        await space.settings(),
        await space.configure(forgetting="power", beta=0.5, priming=False, request_key="k"),
        await space.configure(forgetting="power", beta=0.5, priming=False, request_key="k"),
        await space.settings(),
        await refused(space.configure(forgetting="nonsense")),
    )


@scenario
async def _changes_are_followed(db: Any) -> Any:
    space, ids = await filled(db)
    found = []
    async with space.subscribe("memories", after=1) as changes:
        begun = changes.lsn
        await space.forget(ids[0])
        await space.associate(ids[1], ids[2])
        await space.feedback(ids[1], "useful")
        async for change in changes:
            found.append((change, changes.lsn))
            if change.reviewed:
                break
    async with space.subscribe() as changes:
        last = changes.lsn
        await space.remember("more")
        found.append((await changes.next(), changes.lsn))
    refusals = [
        await refused(_entered((await db.space("nowhere")).subscribe())),
        await refused(_entered(space.subscribe(after=1_000))),
    ]
    try:
        space.subscribe("nonsense")
    except InvalidRequest as error:
        refusals.append(str(error))
    return begun, found, last, refusals


async def _entered(subscription: Any) -> None:
    async with subscription:
        pass


@scenario
async def _spaces_are_made_listed_and_dropped(db: Any) -> Any:
    made = await db.create_space("a")
    await made.remember("x")
    steps = [made.id, await db.spaces(), await refused(db.create_space("a"))]
    await db.drop_space("a")
    return [
        *steps,
        await db.spaces(),
        await refused(db.drop_space("a")),
        await refused(db.drop_space("default")),
        await refused(db.space("A/..")),
        await refused(db.create_space("")),
        await refused((await db.space("nowhere")).recall("x")),
        await refused((await db.space("nowhere")).list()),
    ]


@scenario
async def _a_space_tells_how_it_stands(db: Any) -> Any:
    space, _ = await filled(db)
    stats, health = await space.stats(), await db.health()
    named = [(each.space, each.phase, each.memories, each.lsn) for each in health.spaces]
    compacted = await db.compact("notes")
    taken = await db.checkpoint("notes")
    return (
        stats,
        (health.memory_budget, sorted(named), type(health.resident_bytes).__name__),
        compacted,
        (taken.space, taken.lsn),
        await refused(db.compact("nowhere")),
    )
