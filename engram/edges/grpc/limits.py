"""What a call may be, and how long it may take; each with its reason."""

from __future__ import annotations

from typing import Final

MESSAGE_BYTES_MAX: Final = 16 << 20
"""16 MiB of one message: as much as the HTTP interface takes in one body."""

BATCH_COUNT_MAX: Final = 10_000
"""10,000 memories of one message: what the engine makes durable in one part, so all or none."""

CALLS_AT_ONCE_MAX: Final = 1_024
"""1,024 calls under way: each holds its request and its answer; more would wait in line anyway."""

DRAIN_SECONDS_MAX: Final = 5.0
"""5 s for calls under way when the server stops: of the 10 s a stop may take, half."""

KEEPALIVE_MS: Final = 15_000
"""15,000 ms without a byte until a caller is asked whether it is there: proxies commonly give up a
connection that is silent for 60 s, and one lost ping must not end it."""

KEEPALIVE_ANSWER_MS: Final = 30_000
"""30,000 ms for it to answer: two heartbeats, after which what it holds is let go of."""

PINGS_EVERY_MS_MIN: Final = 5_000
"""5,000 ms between two pings of a caller that keeps streams alive; more often is abuse."""

STREAMS_AT_ONCE_MAX: Final = 1_024
"""1,024 streams: each keeps a call of HTTP/2 and up to a window of messages."""

HEARTBEAT_SECONDS: Final = 15.0
"""15 s without an event until a stream says that it is alive, as over HTTP."""

STALLED_SECONDS_MAX: Final = 30.0
"""30 s in which a caller of a stream takes nothing though something waits for it: two heartbeats
more would wait, and what it missed it finds by its LSN. Its call is ended."""

LAST_EVENT_SECONDS_MAX: Final = 1.0
"""1 s for a caller to take the event that ends its stream, of the 5 s for calls under way when the
server stops."""

WINDOW_COUNT: Final = 64
"""64 messages of one stream under way: enough to fill a group of writes by itself; the next one is
read when one of them is answered, and HTTP/2 makes its sender wait."""
