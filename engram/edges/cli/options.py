"""Options several commands share, and how their values are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

from cyclopts import Parameter, Token

if TYPE_CHECKING:
    from engram.config.loading import Configuration
    from engram.model.recall_result import RecallResult
    from engram.service.particulars import ParticularArguments
    from engram.service.questions import FilterArguments
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


def json_option(name: str, text: str | None) -> Any:
    """Return what an option says in JSON, None when it was not given; InvalidRequest otherwise."""
    if text is None:
        return None
    import json  # noqa: PLC0415 - rarely given

    from engram.model.errors import InvalidRequest  # noqa: PLC0415 - rarely given

    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidRequest(
            f"{name} is not JSON: {error}; write it like '{{\"page\": 3}}'"
        ) from error


def picture_file(path: Path, said: str = "--graph") -> Callable[[RecallResult], None]:
    """Return what draws a recall into a file; InvalidRequest when its name or place is wrong.

    `said` is what the user said before the name.
    """
    from engram.model.errors import InvalidRequest  # noqa: PLC0415 - rarely given

    if path.suffix not in (".html", ".svg"):
        raise InvalidRequest(f"{said} {str(path)!r} ends neither with .html nor with .svg")

    def draw(result: RecallResult) -> None:
        picture = result.show()
        try:
            path.write_text(picture.html if path.suffix == ".html" else picture.svg, "utf-8")
        except OSError as error:
            raise InvalidRequest(f"{said}: cannot write {path}: {error.strerror}") from error

    return draw


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
    config: Annotated[
        Path | None,
        Parameter(metavar="FILE", help="The configuration file (else ENGRAM_CONFIG; off: none)."),
    ] = None

    def settings(self, space: str | None = None, **arguments: str | None) -> Settings:
        """Return the settings in force: defaults < file < environment < options and arguments."""
        return self.configuration(space, **arguments).settings

    def configuration(self, space: str | None = None, **arguments: str | None) -> Configuration:
        """Return the settings in force, and where each comes from."""
        from engram.config.loading import load_configuration  # noqa: PLC0415 - not for --help

        data = None if self.data is None else str(self.data)
        said = {"data_root": data, "memory_space": space, **arguments}
        return load_configuration(self.config, None, said)


@Parameter(name="*")
@dataclass(frozen=True)
class SpacePlace(Place):
    """A place and the memory space in it."""

    space: Annotated[
        str | None, Parameter(help="The memory space (else ENGRAM_MEMORY_SPACE, else default).")
    ] = None

    def configuration(self, space: str | None = None, **arguments: str | None) -> Configuration:
        """Return the settings in force, those of `--space` included."""
        return super().configuration(space or self.space, **arguments)


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

    entity: Annotated[
        Labels, Parameter(help="Only memories about this entity; repeatable, all hold.")
    ] = ()
    any_entity: Annotated[Labels, Parameter(help="Only memories about one of these.")] = ()
    no_entity: Annotated[Labels, Parameter(help="Only memories not about this entity.")] = ()
    min_priority: Annotated[int | None, Parameter(help="Only this priority or a higher.")] = None
    max_priority: Annotated[int | None, Parameter(help="Only this priority or a lower.")] = None
    include_suppressed: Annotated[
        bool, Parameter(negative="", help="Those that are suppressed, too.")
    ] = False
    include_expired: Annotated[
        bool, Parameter(negative="", help="Those that expired and are still kept, too.")
    ] = False
    having: Annotated[
        str | None,
        Parameter(
            metavar="JSON",
            help='Conditions on metadata: \'{"lang": "en", "user.age": {"gte": 3}}\'.',
        ),
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
            "entities_all": self.entity,
            "entities_any": self.any_entity,
            "entities_none": self.no_entity,
            "priority_min": self.min_priority,
            "priority_max": self.max_priority,
            "include_expired": self.include_expired,
            "include_suppressed": self.include_suppressed,
            "metadata": json_option("--having", self.having),
        }


@Parameter(name="*")
@dataclass(frozen=True)
class Particulars:
    """What few memories have; all of it may be left out."""

    entity: Annotated[Labels, Parameter(help="Whom or what it is about; repeatable.")] = ()
    priority: Annotated[int | None, Parameter(help="1 to 10; else 5.")] = None
    expires: Annotated[
        datetime | None,
        Parameter(converter=moment, n_tokens=1, metavar="TIME", help="No answer shows it after."),
    ] = None
    what: Annotated[str | None, Parameter(help="What happened.")] = None
    where: Annotated[str | None, Parameter(help="Where it happened.")] = None
    who: Annotated[Labels, Parameter(help="Who took part; repeatable.")] = ()
    why: Annotated[str | None, Parameter(help="Why it happened.")] = None
    how: Annotated[str | None, Parameter(help="How it happened.")] = None
    confidence_reason: Annotated[str | None, Parameter(help="Why you are so sure.")] = None
    fact_key: Annotated[
        str | None, Parameter(metavar="KEY", help="What it tells, for example user.city.")
    ] = None
    fact_value: Annotated[
        str | None, Parameter(metavar="VALUE", help="The value of that; else the text.")
    ] = None

    def arguments(self) -> ParticularArguments:
        """Return what was given as the library takes it."""
        parts = {"what": self.what, "where": self.where, "why": self.why, "how": self.how}
        episode = {name: part for name, part in parts.items() if part is not None}
        given = {
            "entities": self.entity,
            "priority": self.priority,
            "expires_at": self.expires,
            "episode": episode | {"who": self.who} if self.who else episode,
            "confidence_reason": self.confidence_reason,
            "fact_key": self.fact_key,
            "fact_value": self.fact_value,
        }
        said = {name: value for name, value in given.items() if value not in (None, {}, ())}
        return cast("ParticularArguments", said)
