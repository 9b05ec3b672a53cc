"""How long a client waits, and what it sends at most; each with its reason."""

from __future__ import annotations

from typing import Final

TIMEOUT_SECONDS: Final = 30.0
"""30 s for an answer, attempts and pauses included, unless the caller says otherwise."""

CONNECT_SECONDS_MAX: Final = 5.0
"""5 s for a connection: two packets lost on its way, sent again after 1 and 3 s, still make it."""

ATTEMPTS_MAX: Final = 5
"""5 tries of one request: with pauses of 0.1 to 0.8 s, who asks a server that is not there hears of
it within 2 s."""

FIRST_PAUSE_SECONDS: Final = 0.1
"""0.1 s, shortened by up to half at random, before the second try; it doubles each time."""

IDLE_SECONDS_MAX: Final = 60.0
"""60 s until an idle connection is let go of: less than the 75 s after which a server does."""

CONNECTIONS_MAX: Final = 100
"""100 connections for requests; more of them wait their turn. Streams have their own."""

PART_COUNT_MAX: Final = 10_000
"""10,000 memories of one request: a server takes no more."""

PART_BYTES_MAX: Final = 15 << 20
"""15 MiB of memories in one request, of the 16 MiB that a server takes as a body."""

SILENCE_SECONDS_MAX: Final = 45.0
"""45 s without a word until a stream is given up and begun anew: a server says every 15 s that it
is alive, and one lost heartbeat must not end it."""

RECONNECT_SECONDS: Final = 2.0
"""2 s until a stream that ended is begun anew, shortened by up to half at random: as long as a
server asks to wait, so that after its restart not all come at once."""

CHANGES_WAITING_MAX: Final = 256
"""256 changes that wait for who follows; then no more are read, and the server keeps some, too."""

EVENT_BYTES_MAX: Final = 16 << 20
"""16 MiB of one event: a change of 65,536 ids is 2.6 MB. More is no event of a server of ours."""

SERVER_TIMEOUT_MS_MAX: Final = 3_600_000
"""3,600,000 ms, an hour: the longest that a server lets itself be told."""
