"""The JSON Schemas of all events, made from their classes and published in `docs/events/`, and what may change in them.

Within a version a payload may gain fields that have a default, and nothing else: consumers written for the published schema
can read what is written now, and what was written before can be read by the class.
"""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from ragsite.core.events import Event, events, schema_uri

Json = dict[str, Any]
PAGE, FOLDER = "events.md", "events"
BEGIN, END = "<!-- The table is written by manage.py event_schemas. -->", "<!-- The end of the table. -->"
ANNOTATIONS = frozenset({"$schema", "$id", "$defs", "title", "description", "default"})


def docs_differing(docs: Path) -> dict[Path, str]:
    """The files of the manual that do not say what the classes say, with what they should."""
    page = docs / PAGE
    wanted = {docs / FOLDER / f"{cls.type}.v{cls.version}.json": _text(schema_of(cls)) for cls in events()}
    wanted[page] = _with_table(page.read_text())
    return {path: text for path, text in wanted.items() if not path.exists() or path.read_text() != text}


def docs_contradicting(docs: Path) -> list[str]:
    """In words, what must not change as it did: a published schema that its class breaks, or that no class has any more."""
    known = {f"{cls.type}.v{cls.version}.json": cls for cls in events()}
    found = []
    for path in sorted((docs / FOLDER).glob("*.json")):
        if path.name not in known:
            found.append(f"{path.name} has no class. Remove it once no such event lies on a topic any more.")
            continue
        cls = known[path.name]
        changes = "; ".join(breaking_changes(json.loads(path.read_text()), schema_of(cls)))
        if changes:
            found.append(f"{cls.type} of version {cls.version}: {changes}. Make it version {cls.version + 1}.")
    return found


def schema_of(cls: type[Event]) -> Json:
    """The JSON Schema (2020-12) of an event's payload. Descriptions are the docstrings of the class and its fields."""
    made = TypeAdapter(cls).json_schema(mode="serialization", schema_generator=_Untitled)
    told = _field_docs(cls)
    properties = {
        name: {**schema, "description": told[name]} if name in told else schema
        for name, schema in made["properties"].items()
        if name != "tenant_id"
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": schema_uri(cls.name),
        "title": cls.name,
        "description": inspect.cleandoc(str(cls.__doc__)),
        "x-topic": cls.topic,
        "x-key": list(cls.key_fields),
        "type": "object",
        "properties": properties,
        "required": [name for name in made["required"] if name != "tenant_id"],
        **({"$defs": made["$defs"]} if "$defs" in made else {}),
    }


def breaking_changes(old: Json, new: Json) -> list[str]:
    """In words, what in `new` is more than optional fields that `old` lacks."""
    return list(_changes(_bare(old, old.get("$defs", {})), _bare(new, new.get("$defs", {})), at=""))


class _Untitled(GenerateJsonSchema):
    """Pydantic's titles repeat the fields' names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _text(schema: Json) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _field_docs(cls: type[Event]) -> dict[str, str]:
    """The strings that stand below fields, of the class and those it is made from, by field."""
    found = {}
    for base in reversed(cls.__mro__[:-1]):
        source = ast.parse(textwrap.dedent(inspect.getsource(base)))
        (body,) = (node.body for node in source.body if isinstance(node, ast.ClassDef))
        for field, below in pairwise(body):
            match field, below:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    found[name] = inspect.cleandoc(text)
    return found


def _with_table(page: str) -> str:
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    rows = [
        "| event | version | topic | key | when | payload |",
        "|---|---|---|---|---|---|",
        *(_row(cls) for cls in events()),
    ]
    return f"{before}{begin}\n{chr(10).join(rows)}\n{end}{after}"


def _row(cls: type[Event]) -> str:
    when = inspect.cleandoc(str(cls.__doc__)).partition("\n\n")[0].replace("\n", " ")
    file = f"{FOLDER}/{cls.type}.v{cls.version}.json"
    keys = ", or ".join(f"`{name}`" for name in cls.key_fields)
    return f"| `{cls.name}` | {cls.version} | `{cls.topic}` | {keys} | {when} | [schema]({file}) |"


def _bare(schema: Json, definitions: Mapping[str, Json]) -> Json:
    """The schema without annotations, and with what it refers to in its place."""
    if "$ref" in schema:
        return _bare(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    bare = {word: value for word, value in schema.items() if word not in ANNOTATIONS}
    if "properties" in bare:
        bare["properties"] = {name: _bare(one, definitions) for name, one in bare["properties"].items()}
    for word in ("items", "additionalProperties"):
        if isinstance(bare.get(word), dict):
            bare[word] = _bare(bare[word], definitions)
    if "anyOf" in bare:
        bare["anyOf"] = [_bare(one, definitions) for one in bare["anyOf"]]
    return bare


def _changes(old: Json, new: Json, *, at: str) -> Iterator[str]:
    """`at` is the path of the field, as `degraded[].step`."""
    yield from _field_changes(old, new, at=at)
    for word in sorted((old.keys() | new.keys()) - {"properties", "required"}):
        before, after = old.get(word), new.get(word)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _changes(before, after, at=f"{at}[]")
        elif word == "anyOf" and before and after and len(before) == len(after):
            for one, other in zip(before, after, strict=True):
                yield from _changes(one, other, at=at)
        elif before != after:
            yield f"{word} of {at or 'the event'} was {json.dumps(before)} and is {json.dumps(after)}"


def _field_changes(old: Json, new: Json, *, at: str) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    prefix = f"{at}." if at else ""
    yield from (f"{prefix}{name} is gone" for name in before if name not in after)
    needed, needed_before = set(new.get("required", ())), set(old.get("required", ()))
    yield from (f"{prefix}{name} is required and was not there" for name in sorted(needed - before.keys()))
    for name in (name for name in before if name in after):
        if (name in needed) != (name in needed_before):
            yield f"{prefix}{name} is {'now' if name in needed else 'no longer'} required"
        yield from _changes(before[name], after[name], at=f"{prefix}{name}")
