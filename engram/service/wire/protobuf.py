"""Values as messages of protobuf and back, by what their descriptors say; read once a type.

Rule 1: a field and the attribute or key it is made of have one name. Where they cannot, or the
types differ, the tables at the top say how.
Rule 2: messages in messages are written as mappings of their fields, which protobuf reads at once;
as messages each of them would be copied into the next. Recalls of ten took three times as long.
Rule 3: what a message does not say is left out of what is read for a verb (`given`), so that the
library's defaults hold, and None in what is read as an answer (`told`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from engram.model.errors import InvalidRequest, InvariantViolated
from engram.service.wire.attributes import Field, Read, values_of
from engram.service.wire.scalars import (
    bytes_of,
    json_of,
    moment_of,
    object_of,
    timestamp_of,
    vector_of,
)

M = TypeVar("M", bound=Message)
_JSON: Final = "_json"
_PACKAGE: Final = "engram.v1."
_PAIR: Final = "ScorePart"

FLAT: Final = frozenset(
    (
        *("RecallRequest.filter", "SearchRequest.filter", "RecognizeRequest.filter"),
        *("ListRequest.filter", "RememberRequest.memory", "CompleteRequest.episode"),
        *("UpdateRequest.changes", "RecallTurn.recall"),
    )
)
"""Messages in messages whose fields are arguments of the verb itself."""

_LISTS: Final = {"Way": "steps", "CompletedField.Texts": "texts"}
"""Messages that stand for a list, for a list of lists and a choice between lists have no other."""

_CHOICES: Final = {
    "NewMemory.confidence": ("confidence", (int, float)),
    "NewMemory.confidence_level": ("confidence", str),
    "StoreRequest.confidence": ("confidence", (int, float)),
    "StoreRequest.confidence_level": ("confidence", str),
    "CompletedField.text": ("value", str),
    "CompletedField.texts": ("value", (tuple, list)),
}
"""Fields of which one is set, by what the value is: the attribute, and the types of the value."""


class _Shape(NamedTuple):
    kind: type[Message]
    fields: tuple[Field, ...]
    keys: frozenset[str]
    by_number: dict[int, Field]
    bare: dict[str, Any]
    """What fields say that cannot be left out, when nothing was said."""


_READ: Final[dict[Any, Read]] = {}
"""By the type of a message, the class it is made of, and the fields that are said beside it."""


def message_of(kind: type[M], source: Any, **more: Any) -> M:
    """Return a message made of an object whose attributes are called as its fields.

    `more` are values of fields that it has no attribute for.
    """
    known = (kind, type(source), *more)
    values = _READ.get(known)
    if values is None:
        values = _READ[known] = _read_from(kind, source, more)
    found = values(source)
    found.update(more)
    return kind(**found)


def message_from(kind: type[M], fields: Mapping[str, Any]) -> M:
    """Return a message made of fields by their names; None is left out.

    Raises InvalidRequest when there is no such field, or a value does not fit it.
    """
    shape = _shape(kind)
    unknown = [each for each in fields if each not in shape.keys]
    if unknown:
        known = ", ".join(sorted(shape.keys))
        raise InvalidRequest(*(f"unknown field {each!r}; there are {known}" for each in unknown))
    made: M = _made(shape, fields.get, fields)
    return made


def given(message: Message) -> dict[str, Any]:
    """Return what a message says, as arguments of a verb; what it leaves out is left out.

    Raises InvalidRequest when bytes are no vector, text is no JSON object, or a time is none.
    """
    shape = _shape(type(message))
    found = dict(shape.bare)
    for described, value in message.ListFields():
        field = shape.by_number[described.number]
        if field.is_flat:
            found.update(given(value))
            continue
        try:
            read = field.read
            if read is not None:
                found[field.key] = read(value)
            else:
                found[field.key] = list(value) if field.is_repeated else value
        except InvalidRequest as error:
            said = (f"{field.name}: {each}" for each in error.violations)
            raise InvalidRequest(*said) from None
    return found


def told(message: Message) -> dict[str, Any]:
    """Return all that an answer says as plain values; None for what it leaves out."""
    found: dict[str, Any] = {}
    for field in _shape(type(message)).fields:
        name = field.name
        if field.has_presence and not message.HasField(name):
            if field.only is None:
                found[field.key] = None
            continue
        value = getattr(message, name)
        found[field.key] = value if field.read_told is None else field.read_told(value)
    return found


def _read_from(kind: Any, example: Any, without: Iterable[str] = ()) -> Read:
    """Return what makes the fields of a message of an object like this one."""
    wanted = (each for each in _shape(kind).fields if each.name not in without)
    there = [each for each in wanted if hasattr(example, each.key)]
    if not there:
        raise InvariantViolated(f"{type(example).__name__} has no field of {kind.__name__}")
    return values_of(there)


def _made(shape: _Shape, get: Callable[[str], Any], named: Mapping[str, Any] | None = None) -> Any:
    found: dict[str, Any] = {}
    for field in shape.fields:
        if field.is_flat:
            inner = _shape_of(_described(shape, field.name))
            own = {name: each for name, each in (named or {}).items() if name in inner.keys}
            if own:
                found[field.name] = _made(inner, own.get, own)
            continue
        value = get(field.key)
        if value is None or (field.only is not None and not isinstance(value, field.only)):
            continue
        if field.write is None:
            found[field.name] = value
            continue
        try:
            found[field.name] = field.write(value)
        except InvalidRequest as error:
            raise InvalidRequest(*(f"{field.key} {each}" for each in error.violations)) from None
    try:
        return shape.kind(**found)
    except (TypeError, ValueError, AttributeError) as error:
        raise InvalidRequest(*_misfits(shape, found), str(error)) from None


def _misfits(shape: _Shape, values: Mapping[str, Any]) -> Iterable[str]:
    """Yield which values do not fit their fields."""
    for name, value in values.items():
        try:
            shape.kind(**{name: value})
        except (TypeError, ValueError, AttributeError) as error:
            yield f"{name}: {error}"


def _read(kind: Any) -> _Shape:
    fields = tuple(_field(each) for each in kind.DESCRIPTOR.fields)
    keys = {each.key for each in fields if not each.is_flat}
    for each in kind.DESCRIPTOR.fields:
        if _path(each) in FLAT:
            keys |= _shape_of(each.message_type).keys
    described = kind.DESCRIPTOR.fields
    by_number = {each.number: field for each, field in zip(described, fields, strict=True)}
    bare = {
        field.key: each.default_value
        for each, field in zip(described, fields, strict=True)
        if not (field.has_presence or field.is_repeated)
    }
    return _Shape(kind, fields, frozenset(keys), by_number, bare)


# Read once: there are as many types as the protocol has.
_shape: Final[Callable[[Any], _Shape]] = cache(_read)


def _described(shape: _Shape, name: str) -> Any:
    """Return the descriptor of the message that a field holds."""
    fields: Any = shape.kind.DESCRIPTOR.fields_by_name
    return fields[name].message_type


def _shape_of(descriptor: Any) -> _Shape:
    return _shape(GetMessageClass(descriptor))


def _path(field: Any) -> str:
    path: str = field.full_name
    return path.removeprefix(_PACKAGE)


def _field(field: Any) -> Field:
    key, only = _CHOICES.get(_path(field), (field.name, None))
    is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
    if is_map:
        write, read, read_told = _of_map(field)
    elif field.message_type is not None and field.message_type.name == _PAIR:
        write, read, read_told = _of_pairs()
    else:
        write, read, read_told = _of_value(field)
        if field.is_repeated:
            write, read, read_told = _each(write), _each(read), _each(read_told)
    if field.name.endswith(_JSON):
        key = field.name.removesuffix(_JSON)
    return Field(
        field.name,
        key,
        write,
        read,
        read_told,
        field.has_presence,
        bool(field.is_repeated),
        only,
        _path(field) in FLAT,
    )


_Converter = Callable[[Any], Any] | None


def _of_value(field: Any) -> tuple[_Converter, _Converter, _Converter]:
    """Return how one value of a field is written, and read as an argument and as an answer."""
    kind = field.message_type
    name = "" if kind is None else kind.full_name.removeprefix(_PACKAGE)
    found: tuple[_Converter, _Converter, _Converter] = (None, None, None)
    if kind is None:
        if field.name.endswith(_JSON):
            found = json_of, object_of, msgspec.json.decode
        elif field.type == FieldDescriptor.TYPE_BYTES:
            found = bytes_of, vector_of, vector_of
    elif name == "google.protobuf.Timestamp":
        found = timestamp_of, moment_of, moment_of
    elif name == "Interval":
        found = (lambda value: {"low": value[0], "high": value[1]}), _bounds_of, _bounds_of
    elif name in _LISTS:
        found = _of_list(kind, _LISTS[name])
    elif name != kind.full_name:
        found = _message_writer(GetMessageClass(kind)), given, told
    return found


def _bounds_of(interval: Any) -> tuple[float, float]:
    return interval.low, interval.high


def _of_list(kind: Any, inner: str) -> tuple[_Converter, _Converter, _Converter]:
    field = _field(kind.fields_by_name[inner])

    def write(value: Any) -> dict[str, Any]:
        return {inner: list(value) if field.write is None else field.write(value)}

    def read(value: Any) -> Any:
        found = getattr(value, inner)
        return tuple(found) if field.read_told is None else field.read_told(found)

    return write, read, read


def _of_map(field: Any) -> tuple[_Converter, _Converter, _Converter]:
    value_field = field.message_type.fields_by_name["value"]
    write, _, read = _of_value(value_field)
    if write is None or read is None:
        return dict, dict, dict
    one, back = write, read
    make = None if value_field.message_type is None else GetMessageClass(value_field.message_type)

    def written(found: Any) -> dict[Any, Any]:
        values = {name: one(value) for name, value in found.items()}
        # Mappings are read in fields and lists, not in maps.
        return values if make is None else {name: make(**each) for name, each in values.items()}

    def told_of(found: Any) -> dict[Any, Any]:
        return {name: back(value) for name, value in found.items()}

    return written, told_of, told_of


def _of_pairs() -> tuple[_Converter, _Converter, _Converter]:
    """Return the same for numbers by name in an order, which a map would not keep."""

    def write(found: Any) -> list[dict[str, Any]]:
        return [{"name": name, "value": value} for name, value in found.items()]

    def read(found: Any) -> dict[str, float]:
        return {each.name: each.value for each in found}

    return write, read, read


def _each(one: _Converter) -> _Converter:
    if one is None:
        return _listed
    convert = one
    return lambda values: [convert(value) for value in _listed(values)]


def _listed(values: Any) -> Sequence[Any]:
    if type(values) is tuple:
        return values
    if isinstance(values, str | bytes):
        raise InvalidRequest(f"must be a list, not one value; use [{values!r}]")
    try:
        return list(values)
    except TypeError:
        raise InvalidRequest(f"must be a list, not {values!r}") from None


def _message_writer(kind: Any) -> Callable[[Any], Any]:
    """Return what writes messages in messages, of objects of any class or of mappings."""
    by_class: dict[type, Read] = {}

    def write(value: Any) -> Any:
        values = by_class.get(type(value))
        if values is None:  # what the value is has not been looked at yet
            if isinstance(value, Mapping):
                return message_from(kind, value)
            if isinstance(value, str | int | float | bytes):
                raise InvalidRequest(f"{value!r} is no {kind.__name__}")
            values = by_class[type(value)] = _read_from(kind, value)
        return values(value)

    return write
