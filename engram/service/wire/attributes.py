"""How the fields of a message are read off an object; worked out once for each class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

Read = Callable[[Any], dict[str, Any]]


class Field(NamedTuple):
    """How one field is written and read."""

    name: str
    key: str
    """The attribute, key or argument."""
    write: Callable[[Any], Any] | None
    """None: as it is."""
    read: Callable[[Any], Any] | None
    """Takes what is to be read, by the reader of the whole."""
    read_told: Callable[[Any], Any] | None
    has_presence: bool
    is_repeated: bool
    only: Any
    """The types of a value that goes into this field; None: any."""
    is_flat: bool


def values_of(fields: Sequence[Field]) -> Read:
    """Return what maps these fields, by name, to their values of an object that has their keys.

    What says nothing is None, which protobuf skips.
    """
    # One display of a dict, `{"id": of.id, "tags": write_7(value) if (value := of.tags) else None}`
    # and so on, as `collections.namedtuple` makes its classes. Without generated source the best,
    # `msgspec.structs.asdict` and loops over what it does not do, took a quarter longer. What the
    # source is made of, names of fields and of attributes, is from our own protocol and tables.
    said, names = [], {}
    for number, field in enumerate(fields):
        value = f"of.{field.key}"
        if field.write is not None or field.only is not None:
            names[f"write_{number}"] = _converter(field)
            # A field with presence says something when it holds 0 or "", others when they do not.
            condition = f"(value := {value})" + (" is not None" if field.has_presence else "")
            value = f"write_{number}(value) if {condition} else None"
        said.append(f"{field.name!r}: {value}")
    read: Read = eval(f"lambda of: {{{', '.join(said)}}}", names)  # noqa: S307
    return read


def _converter(field: Field) -> Callable[[Any], Any]:
    """Return what converts a value; to None one that the field is not for."""
    write, only = field.write or _same, field.only
    return (
        write if only is None else lambda value: write(value) if isinstance(value, only) else None
    )


def _same(value: Any) -> Any:
    return value
