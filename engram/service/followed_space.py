"""A memory space, as far as what happens in it is followed. `Space` adds the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram.service.strengthened_space import StrengthenedSpace

if TYPE_CHECKING:
    from engram.service.subscription import Subscription


class FollowedSpace(StrengthenedSpace):
    """One memory space, as far as what happens in it is followed."""

    def subscribe(self, topic: str = "activities", *, after: int | None = None) -> Subscription:
        """Follow what is committed to the space: `async with` it, then iterate over the changes.

        A `Change` comes for each record of the log that the topic is about, in order and each
        once, when it is durable and the next recall sees it. It names memories by id and says
        nothing of what they hold.

        Args:
            topic: `activities` for all that happens, `memories` for what is stored, corrected,
                forgotten, hidden or reviewed, `consolidation` for what is replayed and formed.
            after: the LSN behind which to begin, such as that of the last change that was seen;
                left out, what is committed from now on. The past is read from the log.

        Raises, on entering it:
            InvalidRequest: there is no such topic, or the log does not reach as far as `after`.
            ChangesGone: the log does not go back that far any more; says how far it does.
            SpaceNotFound: there is no such space.

        Raises, on the way:
            FellBehind: the caller is slower than the writers, and too much waits; `lsn` is the
                last it was given, to go on from with a new subscription.
            ChangesGone: as above.
            Closed: the space was closed or dropped.
            DurabilityError: the disk failed.
        """
        # Few programs follow a space: what it takes is loaded by the first one.
        from engram.service.subscription import Subscription  # noqa: PLC0415

        return Subscription(self._engine, topic, after)
