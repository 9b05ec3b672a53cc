"""The commands over settings: config get, set, list, path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from engram.edges.cli.memories import STANDARD_INPUT, standard_input
from engram.edges.cli.options import SpacePlace
from engram.edges.cli.wire import print_json

if TYPE_CHECKING:
    from engram.config.loading import Configuration
    from engram.edges.cli.session import Session

_HERE = SpacePlace()
_KEY = Parameter(help="persistence.data_root, data_root or ENGRAM_DATA_ROOT, say.")


class ConfigCommands:
    """Commands that show and change what is configured."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, key: Annotated[str, _KEY], /, *, place: SpacePlace = _HERE) -> int:
        """Show a setting in force; where it comes from goes to standard error."""
        from engram.config.keys import setting_of  # noqa: PLC0415 - not needed for --help

        setting = setting_of(key)
        fact = _fact(place.configuration(), setting)
        if place.json:
            print_json(fact)
            return 0
        self._session.console.print(fact["value"] or "", soft_wrap=True)
        self._session.errors.print(_from(fact), style="dim", soft_wrap=True)
        return 0

    def list(self, *, place: SpacePlace = _HERE) -> int:
        """List every setting in force and where it comes from; secrets are masked."""
        from engram.config.keys import SETTINGS  # noqa: PLC0415 - not needed for --help

        configuration = place.configuration()
        facts = [_fact(configuration, setting) for setting in SETTINGS.values()]
        if place.json:
            print_json(facts)
            return 0
        from engram.edges.cli.screen import table_of  # noqa: PLC0415 - not needed for --help

        lines = [[fact["key"], fact["value"] or "-", _from(fact)] for fact in facts]
        self._session.console.print(table_of(("key", "value", "from"), lines))
        return 0

    def path(self, *, place: SpacePlace = _HERE) -> int:
        """Show which configuration file is read, or would be if it were there."""
        from engram.config.places import find_file  # noqa: PLC0415 - not needed for --help
        from engram.settings import process_environment  # noqa: PLC0415 - as above

        path, chosen_by = find_file(place.config, process_environment())
        exists = path is not None and path.exists()
        if place.json:
            said = None if path is None else str(path)
            print_json({"path": said, "exists": exists, "chosen_by": chosen_by})
            return 0
        self._session.console.print("none" if path is None else str(path), soft_wrap=True)
        note = "" if exists or path is None else ", not there yet"
        self._session.errors.print(f"{chosen_by}{note}", style="dim", soft_wrap=True)
        return 0

    def set(
        self,
        key: Annotated[str, _KEY],
        value: Annotated[
            str,
            Parameter(help="As its variable would say it; - reads it; empty takes it out."),
        ],
        /,
        *,
        place: SpacePlace = _HERE,
    ) -> int:
        """Write a setting into the configuration file (TOML); the rest of it stays as it is."""
        from engram.config.editing import write_setting  # noqa: PLC0415 - not for --help
        from engram.config.keys import KEYS, setting_of, variable  # noqa: PLC0415 - as above
        from engram.config.places import find_file  # noqa: PLC0415 - as above
        from engram.settings import process_environment  # noqa: PLC0415 - as above

        setting, environment = setting_of(key), process_environment()
        path, chosen_by = find_file(place.config, environment, to_write=True)
        if path is None:
            from engram.model.errors import InvalidRequest  # noqa: PLC0415 - rarely needed

            raise InvalidRequest(f"{chosen_by} says that no file is read; name one with --config")
        said = standard_input() if value == STANDARD_INPUT else value
        notes = write_setting(path, setting, said, environment)
        if environment.get(variable(setting)):
            notes.append(f"{variable(setting)} is set and beats the file")
        if place.json:
            print_json({"key": KEYS[setting], "path": str(path), "notes": notes})
            return 0
        done = "Set" if said else "Taken out"
        self._session.console.print(f"{done}: {KEYS[setting]} ({path})", soft_wrap=True)
        for note in notes:
            self._session.errors.print(f"note: {note}", style="dim", soft_wrap=True)
        return 0


def _fact(configuration: Configuration, setting: str) -> dict[str, Any]:
    """Return what is in force of a setting, as JSON can hold it."""
    from engram.config.keys import KEYS, variable  # noqa: PLC0415 - not needed for --help
    from engram.config.shown import shown  # noqa: PLC0415 - as above

    origin = configuration.origins[setting]
    return {
        "key": KEYS[setting],
        "variable": variable(setting),
        "value": shown(configuration.settings, setting),
        "source": origin.source,
        "where": origin.where or None,
    }


def _from(fact: dict[str, Any]) -> str:
    return str(fact["where"] or fact["source"])
