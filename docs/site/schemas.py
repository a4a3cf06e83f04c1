"""What a schema says, as Markdown: of a field its type and bounds in words, of an object a table of its fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from docs.site.markdown import code, slug, table, words

Schema = Mapping[str, Any]
REFERENCE = "#/components/schemas/"
WITHIN = "#/$defs/"
"""Objects that stand in the schema itself, and are explained beside it."""
BOUNDS = {
    "minimum": "from {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "to {}",
    "exclusiveMaximum": "less than {}",
    "minLength": "{} characters at least",
    "maxLength": "{} characters at most",
    "minItems": "{} at least",
    "maxItems": "{} at most",
}
FORMS = {"uuid": "id", "date-time": "time", "date": "date", "uri": "address", "binary": "file"}
LONGEST_DEFAULT = 40


def anchor(name: str) -> str:
    """Where the object of that name is explained."""
    return f"object-{slug(name)}"


def fields_table(schema: Schema) -> str:
    """A row for each field of an object; nothing for what has none."""
    required = set(schema.get("required", ()))
    rows = [
        (_name(name, name in required), type_words(field), _meaning(field))
        for name, field in schema.get("properties", {}).items()
    ]
    return table(("field", "type", "meaning"), rows)


def resolved(schema: Schema, objects: Mapping[str, Schema]) -> Schema:
    """The object that is meant, where the schema only names it."""
    name = referred(schema)
    return objects[name] if name else schema


def referred(schema: Schema) -> str:
    """The name of the object that the schema stands for; "" for one of its own."""
    alone = schema["allOf"][0] if len(schema.get("allOf", ())) == 1 else schema
    return str(alone.get("$ref", "")).rpartition("/")[2]


def type_words(schema: Schema) -> str:
    """The type, with a link to an object's explanation."""
    if name := referred(schema):
        return code(name) if WITHIN in str(schema) else f"[{name}](#{anchor(name)})"
    if parts := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(type_words(part) for part in parts))
    if "enum" in schema or "const" in schema:
        return "one of " + ", ".join(code(one) for one in schema.get("enum") or [schema["const"]])
    kinds = schema.get("type", "anything")
    return " or ".join(_kind(kind, schema) for kind in ([kinds] if isinstance(kinds, str) else kinds))


def _kind(kind: str, schema: Schema) -> str:
    if kind == "array":
        return f"list of {type_words(schema.get('items', {}))}"
    if kind == "string":
        return FORMS.get(schema.get("format", ""), "text")
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"object of {type_words(schema['additionalProperties'])}"
    return {"integer": "whole number", "boolean": "true or false"}.get(kind, kind)


def _name(name: str, is_required: bool) -> str:
    return f"{code(name)} *" if is_required else code(name)


def _meaning(field: Schema) -> str:
    told = [words(field.get("description", "")), *_bounds(field), *_default(field)]
    if not (told[0] or referred(field)) and "properties" in field:
        told.append("with " + ", ".join(code(name) for name in field["properties"]))
    return " ".join(_sentence(one) for one in told if one)


def _bounds(field: Schema) -> Iterator[str]:
    for part in (field, *field.get("anyOf", ())):
        found = [words_.format(part[name]) for name, words_ in BOUNDS.items() if name in part]
        if found:
            yield ", ".join(found)


def _default(field: Schema) -> Iterator[str]:
    default = field.get("default")
    if default not in (None, "", [], {}) and len(code(default)) <= LONGEST_DEFAULT:
        yield f"{code(default)} if not given"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}{'' if text.endswith(('.', ':')) else '.'}"
