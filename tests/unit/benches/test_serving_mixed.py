"""What the bench of a mixed load tells of its answers."""

from __future__ import annotations

import asyncio

import pytest

from benches.serving.mixed import _Follower, _Look, _Plan, _told

pytestmark = pytest.mark.asyncio

_MINUTES = 2
_WRITE = 2  # the third request of a round
_RECALL = 0
_OK = b"HTTP/1.1 201 Created\r\n\r\n"
_MIB = 1 << 20


def told(plan: _Plan, follower: _Follower) -> dict[str, str]:
    resident = [90 * _MIB] * 12 + [100 * _MIB] * 11 + [104 * _MIB]
    # A look each 5 s; the loop is at work for 3 s of these in the first minute, then for 4.
    at_work = [5 * 0.6 * n if n <= 12 else 36 + 5 * 0.8 * (n - 12) for n in range(len(resident))]
    looks = [_Look(5.0 * n, resident[n], at_work[n]) for n in range(len(resident))]
    return dict(_told(plan, follower, looks, 1_000.0, _MINUTES))


def answered_plan() -> _Plan:
    """A plan whose answers of the first minute take 10 ms, and 30 of the second."""
    plan = _Plan(["a cue"], ["an-id"])
    for second in range(60 * _MINUTES):
        late = 0.01 if second < 60 else 0.03
        body = b'{"lsn": %d}' % (second + 1)
        plan.answered(_WRITE, _OK, body, float(second), late)
        plan.answered(_RECALL, _OK, b"{}", float(second), late)
    return plan


async def test_a_round_of_ten_has_two_writes_a_get_a_page_and_six_recalls() -> None:
    plan = _Plan(["a cue"], ["an-id"])
    asked = [plan.request(number).split(b" HTTP", 1)[0] for number in range(10)]
    assert sum(each.startswith(b"POST") for each in asked) == 2
    assert sum(b"/recall?query=a+cue" in each for each in asked) == 6
    assert sum(each.endswith(b"/memories/an-id") for each in asked) == 1
    assert plan.request(2) != plan.request(7) != plan.request(12)


async def test_what_was_written_and_never_streamed_is_lost() -> None:
    plan, follower = answered_plan(), _Follower(1)
    follower.seen = {*range(1, 120)}
    found = told(plan, follower)
    assert found["of them not streamed and not reported"] == "1 (0 ends of streams)"
    assert found["writes acknowledged"] == "120 LSNs"
    assert found["p99 of the first minute, the worst"] == "10.0, 30.0 ms: 3.00"
    assert found["anonymous RAM from the second minute on"] == "100 MiB +0.0 +4.0 %"
    assert found["its event loop at work: in these, in all"] == "62%, 80%; 62% to 80%"
    assert found["errors"] == "0 "


async def test_a_refusal_is_an_error_and_no_write() -> None:
    plan = answered_plan()
    plan.answered(_WRITE, b"HTTP/1.1 503 Unavailable\r\n", b'{"lsn": 999}', 1.0, 0.01)
    assert 999 not in plan.written
    assert told(plan, _Follower(1))["errors"].startswith("1 ['HTTP/1.1 503")


async def test_a_follower_goes_on_where_the_stream_said_it_ended() -> None:
    follower, reader = _Follower(1), asyncio.StreamReader()
    reader.feed_data(
        b'event: start\ndata: {"space":"s","lsn":4}\n\n'
        b'event: change\ndata: {"space":"s","lsn":6}\n\n'
        b'event: end\ndata: {"space":"s","lsn":9}\n\n'
    )
    reader.feed_eof()
    await follower._read(reader)
    assert (follower.seen, follower.place, follower.ends) == ({6}, 9, 1)
