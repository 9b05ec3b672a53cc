"""Chat transcripts, one JSON object a line: a conversation with its messages, or one message.

Or one JSON document: a conversation, its messages alone, or a list of conversations.

Messages are those of OpenAI's chat completions (`tool_calls`, role `tool`, content parts) and of
Anthropic's Messages (content blocks); the types of parts do not collide, so one table reads both.
A line may be the body of a request, also within a line of a batch (`body`, `params`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final, cast

import msgspec

from engram.service.exchange.mapping import MAPPINGS, Fault, fields_from
from engram.service.exchange.records import Records, Repeats, rest_of
from engram.service.exchange.text_files import LINE_BYTES_MAX, NdjsonReader, Raw, decoded

# How what is no plain text is named in the content, and which field says more of it.
_PARTS: Final[Mapping[str, tuple[str, str]]] = {
    "text": ("", "text"),
    "input_text": ("", "text"),
    "output_text": ("", "text"),
    "refusal": ("refusal", "refusal"),
    "thinking": ("thinking", "thinking"),
    "redacted_thinking": ("redacted thinking", ""),
    "image": ("image", ""),
    "image_url": ("image", ""),
    "input_image": ("image", ""),
    "audio": ("audio", ""),
    "input_audio": ("audio", ""),
    "file": ("file", ""),
    "input_file": ("file", ""),
    "document": ("document", "title"),
    "search_result": ("search result", "title"),
}
_ENVELOPES: Final = ("body", "params")
_SYSTEM: Final = "system"
# Marks of Anthropic's messages, by which a file is told from one of OpenAI's.
_BLOCKS: Final = frozenset(("tool_use", "tool_result", "thinking", "redacted_thinking", "document"))


def records(file: BinaryIO, kind: str, name: str) -> Records:
    """Yield the messages of a file; `name` is that of the file. Blocks."""
    repeats = Repeats()
    for raw, done in _lines(file):
        for conversation in _conversations(raw):
            if conversation.fields is None:
                yield conversation, done
                continue
            for message in _messages(conversation, kind, name, repeats):
                yield message, done


def _lines(file: BinaryIO) -> Iterator[tuple[Raw, int]]:
    """Yield the lines of a file, or all of it as one when a document stands over several."""
    first = file.readline(LINE_BYTES_MAX + 1)
    if first.rstrip().endswith((b"{", b"[", b",")):
        document = rest_of(first, file)
        yield decoded(1, document), len(document)
        return
    lines = NdjsonReader(cast("BinaryIO", _Again(first, file)))
    while batch := lines.read():
        for raw in batch:
            yield raw, lines.done


class _Again:
    """A file of which the first line is read again."""

    def __init__(self, first: bytes, file: BinaryIO) -> None:
        self._first, self._file = first, file

    def readline(self, size: int) -> bytes:
        """Return the next line, or the beginning of a longer one."""
        first, self._first = self._first, b""
        return first or self._file.readline(size)


def _conversations(raw: Raw) -> list[Raw]:
    """Return the conversations of a line: one, or those of a list; one of messages is one."""
    if raw.fields is not None or not raw.raw.lstrip().startswith(b"["):
        return [raw]
    try:
        found: list[Any] = msgspec.json.decode(raw.raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [raw]
    if all(isinstance(each, dict) and "role" in each for each in found):
        return [raw._replace(fields={"messages": found}, fault="")]
    return [
        Raw(
            number,
            msgspec.json.encode(each) + b"\n",
            each if isinstance(each, dict) else None,
            "not a conversation",
            f"conversation {number}",
        )
        for number, each in enumerate(found, 1)
    ]


def kind_of(line: Mapping[str, Any]) -> str | None:
    """Return which format of chats a line has, None for none."""
    line = _unwrapped(line)
    messages = line.get("messages")
    if not isinstance(messages, list):
        if not isinstance(line.get("role"), str):
            return None
        messages = [line]
    blocks = (
        part.get("type")
        for message in messages
        if isinstance(message, dict) and isinstance(message.get("content"), list)
        for part in message["content"]
        if isinstance(part, dict)
    )
    is_anthropic = _SYSTEM in line or not _BLOCKS.isdisjoint(map(str, blocks))
    return "anthropic-chat" if is_anthropic else "openai-chat"


def _unwrapped(line: Mapping[str, Any]) -> Mapping[str, Any]:
    inner: dict[str, Any] = next(
        (line[name] for name in _ENVELOPES if isinstance(line.get(name), dict)), {}
    )
    return {**inner, **line} if "messages" in inner else line


def _messages(raw: Raw, kind: str, name: str, repeats: Repeats) -> Iterator[Raw]:
    line = _unwrapped(raw.fields or {})
    messages = line.get("messages")
    if messages is None and "role" in line:
        alone = _message(raw, kind, name, {}, line, {}, None)
        if alone is not None:
            yield _named(raw, alone, repeats, f"{raw.number}", raw.place)
        return
    if not isinstance(messages, list):
        yield raw._replace(fields=None, fault="has no messages, and is none with a role")
        return
    tools: dict[str, str] = {}
    system = [{"role": _SYSTEM, "content": line[_SYSTEM]}] if line.get(_SYSTEM) else []
    for number, message in enumerate([*system, *messages], 1 - len(system)):
        found = _message(raw, kind, name, line, message, tools, number)
        if found is not None:
            place = f"{raw.place or f'line {raw.number}'}, message {number}"
            yield _named(raw, found, repeats, f"{raw.number}.{number}", place)


def _named(raw: Raw, found: dict[str, Any] | Raw, repeats: Repeats, name: str, place: str) -> Raw:
    if isinstance(found, Raw):
        return found._replace(place=place)
    return repeats.raw(raw.number, found, name, place=place)


def _message(
    raw: Raw,
    kind: str,
    name: str,
    line: Mapping[str, Any],
    message: Any,
    tools: dict[str, str],
    number: int | None,
) -> dict[str, Any] | Raw | None:
    """Return the fields of a message, what is wrong with it, or None when it says nothing."""
    names = MAPPINGS[kind]
    try:
        content = _content(message, tools)
        if not content:
            return None
        # What a conversation says counts where a message says nothing; a message's own id is none
        # of a conversation.
        said = {field: line[field] for field in (*names.time, *names.session) if field in line}
        said |= {field: value for field, value in message.items() if field != "id"}
        return fields_from(
            kind,
            said,
            content,
            source=name,
            session=name if number is None else f"{name}:{raw.number}",
            metadata=(line or message).get("metadata"),
            own={**_told(message, names.time + names.session), "message": number},
        )
    except ValueError as error:
        kept = {**line, "messages": [message]} if line else message
        return Raw(raw.number, msgspec.json.encode(kept) + b"\n", None, str(error))


def _told(message: Mapping[str, Any], taken: tuple[str, ...]) -> dict[str, Any]:
    """Return what a message says besides its content: role, name, model and the like."""
    return {
        name: value
        for name, value in message.items()
        if (name == "id" or name not in taken)
        and name not in ("content", "refusal")
        and isinstance(value, str | int | float)
    }


def _content(message: Any, tools: dict[str, str]) -> str:
    """Return a message in words; calls of tools are named as what they are."""
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise Fault("a message is an object with a role")
    said = [_words(message.get("content"), tools)]
    if message["role"] in ("tool", "function"):
        called = tools.get(str(message.get("tool_call_id"))) or message.get("name")
        said = [_marked(" ".join(filter(None, ("tool result", called))), said[0])]
    if message.get("refusal"):
        said.append(_marked("refusal", str(message["refusal"])))
    calls = message.get("tool_calls") or []
    if message.get("function_call"):
        calls = [*calls, {"function": message["function_call"]}]
    for call in calls:
        function = call.get("function") or call.get("custom") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise Fault("a tool call names no function")
        tools[str(call.get("id"))] = function["name"]
        asked = function.get("arguments", function.get("input", ""))
        said.append(_marked(f"tool call {function['name']}", _json(asked)))
    return "\n\n".join(filter(None, said))


def _words(content: Any, tools: dict[str, str]) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise Fault(f"content is {type(content).__name__}, not text or a list of parts")
    return "\n\n".join(filter(None, (_part(part, tools) for part in content)))


def _part(part: Any, tools: dict[str, str]) -> str:
    if isinstance(part, str):
        return part
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(kind, str):
        raise Fault("a part of the content has no type")
    if kind.endswith("tool_use"):
        tools[str(part.get("id"))] = str(part.get("name"))
        return _marked(f"tool call {part.get('name')}", _json(part.get("input")))
    if kind.endswith("tool_result"):
        called = tools.get(str(part.get("tool_use_id")), "")
        inner = part.get("content")
        said = _json(inner) if isinstance(inner, dict) else _words(inner, tools)
        return _marked(f"tool {'error' if part.get('is_error') else 'result'} {called}", said)
    if kind not in _PARTS:
        raise Fault(f"a part of the content has the unknown type {kind!r}")
    mark, field = _PARTS[kind]
    said = part.get(field) or ""
    if not isinstance(said, str):
        raise Fault(f"{field} of a {kind} part is {type(said).__name__}, not text")
    return _marked(mark, said) if mark else said


def _marked(mark: str, said: str) -> str:
    return f"[{mark.strip()}] {said}".strip()


def _json(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
