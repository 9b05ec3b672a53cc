"""The commands about strength: feedback, bringing back, and how a space forgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from msgspec import to_builtins

from engram.edges.cli.options import SpacePlace
from engram.edges.cli.wire import print_json

if TYPE_CHECKING:
    from engram.edges.cli.session import Session
    from engram.model.space_settings import SpaceSettings

_HERE = SpacePlace()
RequestKey = Annotated[
    str | None, Parameter(metavar="KEY", help="A name for this request, to repeat it safely.")
]
MemoryId = Annotated[str, Parameter(name="id", help="An id as remember and list print it.")]


class StrengthCommands:
    """Commands that change how strong memories are."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def feedback(
        self,
        memory_id: MemoryId,
        verdict: Annotated[str, Parameter(help="useful or wrong.")],
        /,
        *,
        request_key: RequestKey = None,
        place: SpacePlace = _HERE,
    ) -> int:
        """Say that a memory was useful, so that it lasts longer, or wrong, so that it fades."""
        settings = place.settings()

        async def command() -> int:
            async with self._session.space(settings) as space:
                done = await space.feedback(memory_id, verdict, request_key=request_key)
            if place.json:
                print_json(to_builtins(done))
            elif done.counted:
                self._session.console.print(
                    f"Reviewed: {done.id}; nine tenths are left after "
                    f"{done.stability_days:.2f} days, difficulty {done.difficulty:.2f}",
                    soft_wrap=True,
                )
            else:
                self._session.console.print(
                    f"Not counted: {done.id} was reviewed less than a minute before",
                    soft_wrap=True,
                )
            return 0

        return int(self._session.run(command))

    def unsuppress(
        self,
        memory_id: MemoryId,
        /,
        *,
        request_key: RequestKey = None,
        place: SpacePlace = _HERE,
    ) -> int:
        """Bring a suppressed memory back into answers."""
        settings = place.settings()

        async def command() -> int:
            async with self._session.space(settings) as space:
                done = await space.unsuppress(memory_id, request_key=request_key)
            if place.json:
                print_json(to_builtins(done))
            else:
                what = "Brought back" if done.ids else "Was not suppressed"
                self._session.console.print(f"{what}: {memory_id}", soft_wrap=True)
            return 0

        return int(self._session.run(command))

    def show(self, *, place: SpacePlace = _HERE) -> int:
        """Show the settings of a space."""
        settings = place.settings()

        async def command() -> int:
            async with self._session.space(settings) as space:
                found = await space.settings()
            self._print(found, settings.memory_space, as_json=place.json)
            return 0

        return int(self._session.run(command))

    def configure(
        self,
        *,
        forgetting: Annotated[
            str | None,
            Parameter(help="fsrs, exponential, power, two_component, savings or none."),
        ] = None,
        beta: Annotated[float | None, Parameter(help="Of power: how fast.")] = None,
        fast_hours: Annotated[
            float | None, Parameter(help="Of two_component: what goes soon, in hours.")
        ] = None,
        slow_hours: Annotated[
            float | None, Parameter(help="Of two_component: what stays, in hours.")
        ] = None,
        fast_share: Annotated[
            float | None, Parameter(help="Of two_component: the share that goes soon.")
        ] = None,
        weights: Annotated[
            str | None, Parameter(metavar="NUMBERS", help="The 21 of FSRS-6, with commas.")
        ] = None,
        interference: Annotated[
            bool | None, Parameter(help="Let similar memories weaken each other.")
        ] = None,
        priming: Annotated[
            bool | None, Parameter(help="Let a recall prime the next one of its session.")
        ] = None,
        request_key: RequestKey = None,
        place: SpacePlace = _HERE,
    ) -> int:
        """Change how a space forgets; what is left out stays as it is."""
        settings = place.settings()
        given: dict[str, Any] = {
            "forgetting": forgetting,
            "beta": beta,
            "fast_hours": fast_hours,
            "slow_hours": slow_hours,
            "fast_share": fast_share,
            "weights": None if weights is None else _numbers(weights),
            "interference": interference,
            "priming": priming,
        }

        async def command() -> int:
            async with self._session.space(settings) as space:
                changes = {name: value for name, value in given.items() if value is not None}
                found = await space.configure(request_key=request_key, **changes)
            self._print(found, settings.memory_space, as_json=place.json)
            return 0

        return int(self._session.run(command))

    def _print(self, found: SpaceSettings, space: str, *, as_json: bool) -> None:
        if as_json:
            print_json({"id": space, **to_builtins(found)})
            return
        from engram.edges.cli.screen import facts  # noqa: PLC0415 - not needed for --help

        pairs = [("space", space), ("forgetting", found.forgetting)]
        pairs += [(name, _text(value)) for name, value in found.parameters.items()]
        pairs += [(name, _text(getattr(found, name))) for name in ("interference", "priming")]
        self._session.console.print(facts(pairs))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _numbers(text: str) -> list[float]:
    from engram.model.errors import InvalidRequest  # noqa: PLC0415 - rarely given

    try:
        return [float(each) for each in text.split(",")]
    except ValueError as error:
        raise InvalidRequest(f"--weights is not numbers with commas: {error}") from error
