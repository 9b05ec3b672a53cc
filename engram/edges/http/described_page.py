"""The page at /docs: the description of the interface as HTML that needs no other file."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any, Final

from engram.edges.http.problems import REMEDIES
from engram.service.wire.refusals import TITLES

_STYLE: Final = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
code, .path { font-family: ui-monospace, monospace }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #8886; font-size: 1.1rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0;
         border-bottom: 1px solid #8883 }
details { margin: .4rem 0 } summary { cursor: pointer }
.method { display: inline-block; min-width: 4.5rem; font-weight: 600 }
"""


def page_of(document: dict[str, Any]) -> str:
    """Return an OpenAPI document of this server as a page."""
    info = document["info"]
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width, initial-scale=1'>",
        f"<title>{escape(info['title'])} {escape(info['version'])}</title>",
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>",
        "<p>A durable memory engine over HTTP. For programs: ",
        "<a href='/api/v1/openapi.json'>OpenAPI 3.1</a>.</p>",
        *_operations(document),
        "<h2 id='errors'>Errors</h2><table><tr><th>code<th>what<th>remedy</tr>",
        *(
            f"<tr id='{code}'><td><code>{code}</code><td>{escape(title)}"
            f"<td>{escape(REMEDIES.get(code, 'change the request'))}</tr>"
            for code, title in TITLES.items()
        ),
        "</table><h2 id='types'>Types</h2>",
        *_types(document["components"]["schemas"]),
        "</body></html>",
    ]
    return "".join(parts)


def _operations(document: dict[str, Any]) -> Iterator[str]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"<h2 id='{operation['operationId']}'>"
            yield f"<span class='method'>{method.upper()}</span>"
            yield f"<span class='path'>{escape(path)}</span></h2>"
            yield f"<p>{escape(operation['summary'])}</p>"
            yield from _parameters(operation["parameters"])
            if "requestBody" in operation:
                for media_type, content in operation["requestBody"]["content"].items():
                    yield f"<p>Body ({media_type}): {_kind(content['schema'])}</p>"
            for status, answer in operation["responses"].items():
                (content,) = answer["content"].values()
                yield f"<details><summary>{status}: {escape(answer['description'])}</summary>"
                yield f"{_kind(content['schema'])}</details>"


def _parameters(parameters: list[dict[str, Any]]) -> Iterator[str]:
    yield "<details><summary>Parameters</summary><table><tr><th>name<th>in<th>type<th>what</tr>"
    for each in parameters:
        name = f"{each['name']}{' (required)' if each.get('required') else ''}"
        yield f"<tr><td><code>{escape(name)}</code><td>{each['in']}<td>{_kind(each['schema'])}"
        yield f"<td>{escape(each.get('description', ''))}</tr>"
    yield "</table></details>"


def _types(schemas: dict[str, Any]) -> Iterator[str]:
    for name, schema in schemas.items():
        yield f"<h3 id='type-{name}'>{name}</h3><p>{escape(schema.get('description', ''))}</p>"
        yield "<table><tr><th>field<th>type<th>what</tr>"
        required = schema.get("required", ())
        for field, told in schema.get("properties", {}).items():
            star = " (required)" if field in required else ""
            yield f"<tr><td><code>{escape(field)}</code>{star}<td>{_kind(told)}"
            yield f"<td>{escape(told.get('description', ''))}</tr>"
        yield "</table>"


def _kind(schema: dict[str, Any]) -> str:
    """Return a type in words, with links to those that are told elsewhere."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"<a href='#type-{name}'>{name}</a>"
    if "anyOf" in schema:
        return " or ".join(map(_kind, schema["anyOf"]))
    if "const" in schema or "enum" in schema:
        return ", ".join(escape(repr(each)) for each in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_kind(schema.get('items') or {})}"
    said = str(schema.get("format", kind))
    bounds = [
        f"{sign} {schema[name]}"
        for name, sign in (("minimum", "from"), ("maximum", "to"), ("exclusiveMinimum", "above"))
        if name in schema
    ]
    return escape(" ".join([said, *bounds]))
