"""What a request may be, and how long it may take; each with its reason."""

from __future__ import annotations

from typing import Final

BODY_BYTES_MAX: Final = 16 << 20
"""16 MiB: ten thousand texts of some sentences each; a process holds a few dozen at once."""

BODY_SECONDS_MAX: Final = 30.0
"""30 s for a body to arrive: 16 MiB over 5 Mbit/s take 27. Who sends slower holds a connection."""

BATCH_COUNT_MAX: Final = 10_000
"""10,000 memories of one request: what the engine makes durable in one part, so all or none."""

TIMEOUT_MS_MAX: Final = 3_600_000
"""3,600,000 ms, an hour: longer than the longest erasure of a full space needs."""

REQUESTS_AT_ONCE_MAX: Final = 1_024
"""1,024 requests under way: each holds its body and its answer; more would wait in line anyway."""

PARAMETERS_COUNT_MAX: Final = 1_000
"""1,000 query parameters: more filters than any recall takes, and cheap to read."""

HEAD_SECONDS_MAX: Final = 10.0
"""10 s for the first byte of a request to become its whole head: no network is that slow, and who
sends a byte now and then to hold connections is (slow-loris)."""

IDLE_SECONDS_MAX: Final = 75
"""75 s between two requests of a connection: longer than the 60 s after which most proxies and
client pools let go, so that it is they who close."""

BACKLOG_COUNT: Final = 2_048
"""2,048 connections that the system accepts before the server does; Linux cuts it to its own."""

DRAIN_SECONDS_MAX: Final = 5
"""5 s for requests under way when the server stops: of the 10 s a stop may take, half."""

LAST_CHECKPOINT_SECONDS_MAX: Final = 3.0
"""3 s for snapshots when the server stops; without one, the next start reads the log again."""

STREAMS_AT_ONCE_MAX: Final = 4_096
"""4,096 streams of events: each keeps a connection and two tasks, measured at 21 KiB of RAM; 84 MiB
for all of them."""

HEARTBEAT_SECONDS: Final = 15.0
"""15 s without an event until a stream says that it is alive: proxies commonly give up a connection
that is silent for 60 s, and one lost heartbeat must not end it."""

RECONNECT_MS: Final = 2_000
"""2,000 ms that a caller is asked to wait before it comes back: after a restart of the server not
all of them come at once, and none is without events for long."""

STALLED_SECONDS_MAX: Final = 30.0
"""30 s in which a caller of a stream takes nothing though something waits for it: two heartbeats
more would wait, and what it missed it finds by its LSN. Its connection is cut."""

LAST_EVENT_SECONDS_MAX: Final = 1.0
"""1 s for a caller to take the event that ends its stream: of the 5 s for requests under way when
the server stops; who does not read gets none."""

MESSAGE_BYTES_MAX: Final = 1 << 20
"""1 MiB for a message of a WebSocket, all its frames together: a text of 100 KB, metadata of 64 KB
and a vector of 4,096 numbers take a third of it."""

WINDOW_COUNT: Final = 64
"""64 requests under way on one WebSocket: enough to fill a group of writes by itself; the next one
is read when one of them is answered."""

OBSERVATIONS_COUNT_MAX: Final = 8
"""8 observations on one WebSocket: there are three topics, and each place in the log to read again
takes one more."""

CREDIT_MAX: Final = 1_000_000
"""1,000,000 events that may be asked for in one message: who wants no bound leaves it out."""

SOCKET_DRAIN_SECONDS_MAX: Final = 3.0
"""3 s for requests under way on a WebSocket when it ends: of the 5 s for those of the server, so
that there is time to say where it ended."""

ARCHIVE_BYTES_MAX: Final = 256 << 30
"""256 GiB of an archive to restore: three times what 10,000,000 memories with vectors of 1,536
float32 (58 GiB) and 2 KiB of text each (19 GiB) take. The disk must hold it beside the spaces."""

CHUNK_SECONDS_MAX: Final = 30.0
"""30 s without a byte of a body that is read as it comes: as long as a whole body of JSON has."""

LINE_BYTES_MAX: Final = 1 << 20
"""1 MiB of a line of NDJSON: what a message of a WebSocket may have, which is one memory, too."""

LINES_COUNT_MAX: Final = 1_000
"""1,000 lines that are stored together: one sync of the disk is a small part of what they take, and
who sends 1,000 a second hears once a second what became of them."""

LINES_BYTES_MAX: Final = 4 << 20
"""4 MiB of such lines: with their vectors one part of the log, which is stored whole or not."""

UPLOADS_AT_ONCE_MAX: Final = 64
"""64 bodies of lines under way: 4 to 6 MiB of RAM each; as many writers fill every group."""

UPLOAD_PATIENCE_SECONDS_MAX: Final = 30.0
"""30 s for a space that takes nothing more to take it again; until then no more of a body is read,
so that its caller waits, too. As long as a chunk of the body may take."""

LINGER_SECONDS: Final = 1.0
"""1 s in which the rest of a body is thrown away after a line that tells of an error: who sends
all of it before reading an answer then finds that line, and not a connection that is reset."""

REJECTED_COUNT_MAX: Final = 100_000
"""100,000 lines of an import that are no memories: 20 MB of reasons to tell. A file of more of them
is not what it was taken for, and is refused."""
