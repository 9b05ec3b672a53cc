from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engram.wal.limits import BLOCK_BYTES
from engram.wal.protocol import Entry
from engram.wal.record import (
    GROUP_HEADER_BYTES,
    GroupPlace,
    check_body,
    decode_group_header,
    decode_records,
    encode_group,
)

BYTE = st.integers(0, 255)
ENTRIES = st.lists(
    st.builds(Entry, BYTE, st.lists(st.binary(max_size=5000), max_size=3), BYTE), min_size=1
)
U32 = st.integers(0, 2**32 - 1)
LSN = st.integers(1, 2**63)


@given(ENTRIES, st.builds(GroupPlace, U32, U32, LSN, LSN, U32, U32))
def test_a_group_comes_back_as_it_went_in(entries: list[Entry], place: GroupPlace) -> None:
    sized = [(entry, sum(map(len, entry.buffers))) for entry in entries]
    buffers, group_bytes, crc = encode_group(sized, place)
    data = memoryview(b"".join(buffers))
    header = decode_group_header(data)
    body = data[GROUP_HEADER_BYTES:]
    check_body(header, body)
    assert len(data) == group_bytes == header.group_bytes
    assert group_bytes % BLOCK_BYTES == 0
    assert header.crc == crc
    assert (header.tag, header.block, header.first_lsn, header.durable_lsn) == place[:4]
    found = [(r.kind, r.flags, bytes(r.payload)) for r in decode_records(header, body)]
    assert found == [(e.kind, e.flags, b"".join(e.buffers)) for e in entries]
