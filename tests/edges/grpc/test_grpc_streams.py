"""Streams of gRPC: acks by number, one space each, ends that say where to go on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

import anyio
import anyio.to_thread
import grpc
import grpc.aio
import numpy as np
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from engram.edges.grpc import events
from engram.edges.grpc.limits import WINDOW_COUNT
from engram.edges.grpc.server import GrpcServer
from engram.engine import feed as feed_module
from engram.v1 import engram_pb2 as wire
from engram.v1.engram_pb2_grpc import EngramStub
from tests.edges.grpc.conftest import Serve

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """The loop of grpc.aio, which the client of these tests is."""
    return "asyncio"


@pytest.fixture
async def stub(server: GrpcServer) -> AsyncIterator[Any]:
    """A client of a server of an empty store."""
    async with grpc.aio.insecure_channel(server.url.removeprefix("grpc://")) as channel:
        yield EngramStub(channel)


def batch(seq: int, *texts: str, **fields: Any) -> wire.StreamingRememberRequest:
    """Return a message with memories."""
    memories = [wire.NewMemory(content=each) for each in texts]
    return wire.StreamingRememberRequest(seq=seq, memories=memories, **fields)


async def answers(call: Any, messages: Iterable[Any]) -> list[Any]:
    """Send messages, and return all that is answered."""
    for each in messages:
        await call.write(each)
    await call.done_writing()
    return [each async for each in call]


async def test_memories_are_acknowledged_by_number(stub: Any) -> None:
    found = await answers(
        stub.StreamingRemember(),
        [
            batch(1, "one", "two", memory_space_id="notes"),
            batch(2, "three", memory_space_id="notes"),
            batch(7, "", "four"),
            batch(8, "five", memory_space_id="elsewhere"),
            batch(9, "six", embeddings=b"123"),
            batch(10, "seven"),
        ],
    )
    by_seq = {each.seq: each for each in found}
    assert sorted(by_seq) == [1, 2, 7, 8, 9, 10]
    assert [len(by_seq[seq].remembered.ids) for seq in (1, 2, 10)] == [2, 1, 1]
    refused = {seq: by_seq[seq].refused.message for seq in (7, 8, 9)}
    assert "item 0" in refused[7]
    assert "'notes'" in refused[8]
    assert "float32 take 4" in refused[9]
    stats = await stub.SpaceStats(wire.SpaceStatsRequest(memory_space_id="notes"))
    assert stats.memories == 4
    spaces = await stub.ListSpaces(wire.ListSpacesRequest())
    assert {each.id for each in spaces.spaces} == {"default", "notes"}


async def test_vectors_come_as_one_piece(stub: Any) -> None:
    rows = np.eye(2, 64, dtype="<f4")
    sent = batch(1, "one", "two", embeddings=rows.tobytes())
    (found,) = await answers(stub.StreamingRemember(), [sent])
    recalled = await stub.Recall(wire.RecallRequest(embedding=rows[1].tobytes(), limit=1))
    (best,) = recalled.recollections
    assert (best.memory.id, best.memory.content) == (found.remembered.ids[1], "two")


async def test_a_number_that_came_before_ends_the_stream(stub: Any) -> None:
    """What was sent before it is answered all the same."""
    call = stub.StreamingRemember()
    for each in (batch(1, "one"), batch(2, "two"), batch(2, "three")):
        await call.write(each)
    found = [(await call.read()).seq for _ in range(2)]
    assert sorted(found) == [1, 2]
    with pytest.raises(grpc.aio.AioRpcError, match="seq is 2 after 2") as ended:
        await call.read()
    assert ended.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_memories_of_one_session_keep_their_order(stub: Any) -> None:
    """Each leads to the one before it, however many are under way."""
    texts = [f"step {n}" for n in range(40)]
    sent = [
        wire.StreamingRememberRequest(
            seq=n + 1, memories=[wire.NewMemory(content=text, session="walk")]
        )
        for n, text in enumerate(texts)
    ]
    await answers(stub.StreamingRemember(), sent)
    page = await stub.List(wire.ListRequest(limit=100))
    assert [each.content for each in page.memories] == texts


async def test_cues_are_answered_by_number(stub: Any) -> None:
    await stub.RememberMany(
        wire.RememberManyRequest(
            memories=[wire.NewMemory(content=each) for each in ("Ada met Babbage", "A kettle")]
        )
    )
    found = await answers(
        stub.StreamingRecall(),
        [
            wire.StreamingRecallRequest(seq=1, recall=wire.RecallRequest(query="Babbage")),
            wire.StreamingRecallRequest(seq=2, recall=wire.RecallRequest(limit=0, query="x")),
            wire.StreamingRecallRequest(seq=3, recall=wire.RecallRequest(query="kettle")),
        ],
    )
    by_seq = {each.seq: each for each in found}
    first, last = (by_seq[seq].recalled.recollections[0].memory.content for seq in (1, 3))
    assert (first, last) == ("Ada met Babbage", "A kettle")
    assert "limit" in by_seq[2].refused.message


async def test_a_recall_is_streamed_from_one_snapshot(stub: Any) -> None:
    """What is written while it is read is not in it; it says of which LSN it is."""
    texts = [f"Ada wrote letter {n}" for n in range(30)]
    done = await stub.RememberMany(
        wire.RememberManyRequest(memories=[wire.NewMemory(content=each) for each in texts])
    )
    recall = wire.RecallRequest(query="Ada letter", limit=100)
    call = stub.RecallStream(wire.RecallStreamRequest(recall=recall, lsn_min=done.lsn))
    begun = await call.read()
    assert (begun.lsn, begun.begun.lsn) == (done.lsn, done.lsn)
    more = await stub.Remember(
        wire.RememberRequest(memory=wire.NewMemory(content="Ada wrote a letter to Babbage"))
    )
    rest = [await call.read() for _ in texts]
    assert await call.read() is grpc.aio.EOF
    assert {each.lsn for each in rest} == {done.lsn}
    assert {each.recollection.memory.id for each in rest} == set(done.ids)
    assert more.id not in done.ids
    ahead = stub.RecallStream(wire.RecallStreamRequest(recall=recall, lsn_min=more.lsn + 9))
    with pytest.raises(grpc.aio.AioRpcError, match="ends at LSN"):
        await ahead.read()


async def test_events_are_of_one_space_and_go_on_where_they_ended(stub: Any) -> None:
    first = await stub.Remember(
        wire.RememberRequest(memory_space_id="a", memory=wire.NewMemory(content="x"))
    )
    call = stub.Stream(wire.StreamRequest(memory_space_id="a", topic="memories"))
    begun = await call.read()
    assert (begun.started, begun.space, begun.lsn) == (True, "a", first.lsn)
    for space in ("b", "a"):
        request = wire.RememberRequest(
            memory_space_id=space, memory=wire.NewMemory(content=f"more of {space}")
        )
        second = await stub.Remember(request)
    event = await call.read()
    assert (event.space, list(event.change.remembered)) == ("a", [second.id])
    call.cancel()
    again = stub.Stream(wire.StreamRequest(memory_space_id="a", topic="memories", after=0))
    seen = [(await again.read()) for _ in range(3)]
    assert [list(each.change.remembered) for each in seen[1:]] == [[first.id], [second.id]]
    again.cancel()
    beyond = stub.Stream(wire.StreamRequest(memory_space_id="a", after=999))
    with pytest.raises(grpc.aio.AioRpcError, match="ends at LSN"):
        await beyond.read()


async def test_no_more_events_come_than_were_asked_for(
    stub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.05)
    for text in ("one", "two", "three"):
        await stub.Remember(wire.RememberRequest(memory=wire.NewMemory(content=text)))
    call = stub.ObserveStream()
    await call.write(wire.ObserveRequest(topic="memories", after=0, credit=1))
    kinds = [(await call.read()).WhichOneof("event") for _ in range(4)]
    assert kinds == ["started", "change", "heartbeat", "heartbeat"]
    await call.write(wire.ObserveRequest(credit=2))
    changes: list[int] = []
    while len(changes) < 2:
        event = await call.read()
        if event.HasField("change"):
            changes.append(event.lsn)
    assert changes == [2, 3]
    await call.done_writing()
    assert await call.code() is grpc.StatusCode.OK


async def changes_of(call: Any) -> tuple[list[int], wire.StreamEnd]:
    """Read a stream to its end: the LSNs of its changes, and what is said of the end."""
    lsns: list[int] = []
    while not (event := await call.read()).HasField("end"):
        if event.HasField("change"):
            lsns.append(event.lsn)
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await call.read()
    assert ended.value.code() is grpc.StatusCode.ABORTED
    ((_, packed),) = [
        each for each in ended.value.trailing_metadata() if each[0] == "grpc-status-details-bin"
    ]
    info = ErrorInfo()
    assert Status.FromString(packed).details[0].Unpack(info)
    assert info.reason == event.end.code == "FELL_BEHIND"
    assert json.loads(info.metadata["facts"])["lsn"] == event.lsn == event.end.resume_after
    return lsns, event.end


async def test_a_follower_that_is_too_slow_is_told_where_to_go_on(
    server: GrpcServer, stub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events wait in HTTP/2 until that takes no more; from the end on nothing is missing."""
    monkeypatch.setattr(feed_module, "FEED_CHANGES_COUNT_MAX", 4)
    # A connection of its own, since what is not read holds up all of one; its window stays small.
    options = [("grpc.http2.bdp_probe", 0)]
    address = server.url.removeprefix("grpc://")
    async with grpc.aio.insecure_channel(address, options) as channel:
        slow: Any = EngramStub(channel)
        call = slow.Stream(wire.StreamRequest(topic="memories"))
        assert (await call.read()).started
        for number in range(12):
            memories = [wire.NewMemory(content=f"text {number} {each}") for each in range(1_000)]
            done = await stub.RememberMany(wire.RememberManyRequest(memories=memories))
        with anyio.fail_after(20):
            lsns, end = await changes_of(call)
    assert lsns == list(range(1, len(lsns) + 1))
    assert end.resume_after == len(lsns) < done.lsn - 4
    assert "follow it again" in end.detail
    again = stub.Stream(wire.StreamRequest(topic="memories", after=end.resume_after))
    rest = [await again.read() for _ in range(done.lsn - end.resume_after + 1)]
    assert [each.lsn for each in rest[1:]] == list(range(end.resume_after + 1, done.lsn + 1))
    again.cancel()


async def test_an_observer_that_gives_no_credit_is_told_where_to_go_on(
    stub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One change was taken before there was credit for it; it is sent before the end."""
    monkeypatch.setattr(feed_module, "FEED_CHANGES_COUNT_MAX", 4)
    call = stub.ObserveStream()
    await call.write(wire.ObserveRequest(topic="memories", credit=1))
    assert (await call.read()).started
    for number in range(12):
        await stub.Remember(wire.RememberRequest(memory=wire.NewMemory(content=f"text {number}")))
    assert (await call.read()).lsn == 1
    await call.write(wire.ObserveRequest(credit=100))
    lsns, end = await changes_of(call)
    assert (lsns, end.resume_after) == ([2], 2)
    again = stub.ObserveStream()
    await again.write(wire.ObserveRequest(topic="memories", after=2))
    assert [(await again.read()).lsn for _ in range(11)] == list(range(2, 13))
    again.cancel()


async def test_a_dream_tells_of_the_replay_and_what_it_formed(stub: Any) -> None:
    texts = [f"Ada drank tea {n} times in London" for n in range(1, 7)]
    await stub.RememberMany(
        wire.RememberManyRequest(memories=[wire.NewMemory(content=each) for each in texts])
    )
    told = [each async for each in stub.Dream(wire.DreamRequest(episodes_max=100))]
    kinds = [each.WhichOneof("event") for each in told]
    assert kinds[-1] == "finished"
    assert {"replayed", "concept", "progress"} <= set(kinds)
    finished = told[-1].finished
    replayed = [each for one in told for each in one.replayed.replayed]
    concepts = [each.concept.id for each in told if each.HasField("concept")]
    assert (len(replayed), concepts) == (finished.episodes, list(finished.concepts))
    (progress,) = [each.progress for each in told if each.HasField("progress")]
    assert (progress.episodes_done, progress.episodes_total) == (6, 6)


async def test_a_server_that_stops_says_where_streams_end(serve: Serve) -> None:
    with serve() as server:
        async with grpc.aio.insecure_channel(server.url.removeprefix("grpc://")) as channel:
            stub: Any = EngramStub(channel)
            done = await stub.Remember(wire.RememberRequest(memory=wire.NewMemory(content="x")))
            call = stub.Stream(wire.StreamRequest())
            assert (await call.read()).started
            await anyio.to_thread.run_sync(server.stop)
            end = (await call.read()).end
            assert (end.code, end.resume_after) == ("UNAVAILABLE", done.lsn)
            with pytest.raises(grpc.aio.AioRpcError) as ended:
                await call.read()
            assert ended.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_sender_waits_while_its_answers_are_not_read(stub: Any) -> None:
    """A window of messages and what HTTP/2 lets wait is taken, and no more."""
    recall = wire.RecallRequest(query="Ada letter", limit=1_000)
    text = "Ada wrote a letter " + "x" * 4_000
    memories = [wire.NewMemory(content=f"{text} {n}") for n in range(100)]
    await stub.RememberMany(wire.RememberManyRequest(memories=memories))
    call = stub.StreamingRecall()
    # Large messages, that fill what HTTP/2 lets wait soon; answers are larger still.
    filler = wire.Filter(tags_none=[f"{n} {'y' * 1_000}" for n in range(60)])
    recall.filter.CopyFrom(filler)
    sent, waits = 0, False
    while sent < 20 * WINDOW_COUNT and not waits:
        with anyio.move_on_after(0.5) as patience:
            await call.write(wire.StreamingRecallRequest(seq=sent + 1, recall=recall))
            sent += 1
        waits = patience.cancelled_caught
    call.cancel()
    assert waits
