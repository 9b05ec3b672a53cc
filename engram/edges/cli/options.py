"""Options several commands share, and how their values are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter, Token

if TYPE_CHECKING:
    from engram.service.reading import FilterArguments
    from engram.settings import Settings


def moment(_type: Any, tokens: Sequence[Token]) -> datetime:
    """Return the time written in ISO 8601; a time without a zone is UTC."""
    text = tokens[0].value
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is not a time; write it like 2026-03-14, 2026-03-14T15:09 (UTC) or "
            "2026-03-14T15:09+01:00"
        ) from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


Moment = Annotated[datetime | None, Parameter(converter=moment, n_tokens=1, metavar="TIME")]
AsOf = Annotated[
    datetime | None,
    Parameter(
        converter=moment, n_tokens=1, metavar="TIME", help="Answer as the space would have then."
    ),
]
Labels = Annotated[tuple[str, ...], Parameter(negative="", consume_multiple=False)]


@Parameter(name="*")
@dataclass(frozen=True)
class Place:
    """Where memories are and how answers are written."""

    data: Annotated[
        Path | None,
        Parameter(metavar="DIR", help="The store's directory (else ENGRAM_DATA_ROOT)."),
    ] = None
    json: Annotated[bool, Parameter(negative="", help="Answer in JSON, for machines.")] = False

    def settings(self, space: str | None = None) -> Settings:
        """Return the settings in force: defaults < environment < these options."""
        from engram.settings import load_settings  # noqa: PLC0415 - not needed for --help

        data = None if self.data is None else str(self.data)
        return load_settings(data_root=data, memory_space=space)


@Parameter(name="*")
@dataclass(frozen=True)
class SpacePlace(Place):
    """A place and the memory space in it."""

    space: Annotated[
        str | None, Parameter(help="The memory space (else ENGRAM_MEMORY_SPACE, else default).")
    ] = None

    def settings(self, space: str | None = None) -> Settings:
        """Return the settings in force, those of `--space` included."""
        return super().settings(space or self.space)


@Parameter(name="*")
@dataclass(frozen=True)
class Filters:
    """Which memories are looked at; all given filters must hold."""

    tag: Annotated[
        Labels, Parameter(help="Only memories with this tag; repeatable, all hold.")
    ] = ()
    any_tag: Annotated[Labels, Parameter(help="Only memories with one of these tags.")] = ()
    no_tag: Annotated[Labels, Parameter(help="Only memories without this tag.")] = ()
    kind: Annotated[
        Labels, Parameter(help="Only this kind: episodic, semantic, procedural, concept.")
    ] = ()
    source: Annotated[Labels, Parameter(help="Only memories of this source.")] = ()
    session: Annotated[Labels, Parameter(help="Only memories of this session.")] = ()
    after: Annotated[Moment, Parameter(help="Only what happened at or after this time.")] = None
    before: Annotated[Moment, Parameter(help="Only what happened before this time.")] = None
    recorded_after: Annotated[Moment, Parameter(help="Only what was recorded since.")] = None
    recorded_before: Annotated[Moment, Parameter(help="Only what was recorded before.")] = None
    min_confidence: Annotated[
        float | None, Parameter(help="Only memories of at least this confidence.")
    ] = None

    as_of: AsOf = None

    def arguments(self) -> FilterArguments:
        """Return the filters as the library takes them."""
        return {
            "tags_all": self.tag,
            "tags_any": self.any_tag,
            "tags_none": self.no_tag,
            "kinds": self.kind,
            "sources": self.source,
            "sessions": self.session,
            "occurred_after": self.after,
            "occurred_before": self.before,
            "recorded_after": self.recorded_after,
            "recorded_before": self.recorded_before,
            "confidence_min": self.min_confidence,
            "as_of": self.as_of,
        }
