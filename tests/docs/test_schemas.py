"""What a schema says, in the words of the reference."""

from __future__ import annotations

import pytest

from docs.site.markdown import table, words
from docs.site.schemas import Schema, fields_table, type_words


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "string", "format": "uuid"}, "id"),
        ({"type": ["string", "null"], "format": "date-time"}, "time or null"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "whole number or null"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Passage"}}, "list of [Passage](#object-passage)"),
        ({"allOf": [{"$ref": "#/components/schemas/KindEnum"}], "readOnly": True}, "[KindEnum](#object-kindenum)"),
        ({"$ref": "#/$defs/Step"}, "`Step`"),
        ({"enum": ["up", "down"]}, "one of `up`, `down`"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "object of number"),
        ({}, "anything"),
    ],
)
def test_a_type_is_said_in_words_with_a_link_to_what_it_names(schema: Schema, said: str) -> None:
    assert type_words(schema) == said


def test_fields_say_their_bounds_and_defaults_and_which_are_required() -> None:
    schema = {
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "maxLength": 120, "description": "As people know it."},
            "k": {"type": "integer", "minimum": 1, "maximum": 100, "default": 10},
        },
    }
    assert fields_table(schema).splitlines()[2:] == [
        "| `name` * | text | As people know it. 120 characters at most. |",
        "| `k` | whole number | From 1, to 100. `10` if not given. |",
    ]
    assert fields_table({"type": "object"}) == ""


def test_words_hold_no_html_but_code_is_kept() -> None:
    assert words("Give <b>it</b> as\n `Bearer <key>`, 1 < 2.") == "Give &lt;b>it&lt;/b> as `Bearer <key>`, 1 < 2."
    assert table(("a", "b"), [("x|y", "z")]) == "| a | b |\n|---|---|\n| x\\|y | z |\n"
