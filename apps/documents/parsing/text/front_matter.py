"""What a text file says about itself in a block at its very top: YAML between dashes, or TOML between plus signs."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import yaml

LONGEST_BLOCK = 32_000
MOST_FIELDS = 200
MOST_VALUES = 200
LONGEST_VALUE = 2_000
DEEPEST = 5
# A rule has an empty line below it, or is not closed by another; the fields stand close to their marks.
_YAML = re.compile(r"\A---[ \t]*\n(?![ \t]*\n)(?P<fields>.*?\n)(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_TOML = re.compile(r"\A\+\+\+[ \t]*\n(?P<fields>.*?\n)\+\+\+[ \t]*(?:\n|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """The fields of the block as texts, the title apart from the others, and the text that follows the block."""

    body: str
    title: str = ""
    fields: dict[str, str] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        """The fields as lines to read."""
        yield from filter(None, [self.title])
        yield from (f"{name}: {value}" for name, value in self.fields.items())


def split_front_matter(source: str) -> FrontMatter:
    """The block at the head of `source`. What is no mapping of names to values is a part of the text, such as a rule."""
    for form, load in ((_YAML, _load_yaml), (_TOML, _load_toml)):
        block = form.match(source[: LONGEST_BLOCK + len("---\n") * 2])
        found = load(block["fields"]) if block else None
        if block and isinstance(found, Mapping) and found:
            return _front_matter(found, body=source[block.end() :])
    return FrontMatter(source)


def _load_yaml(fields: str) -> Any:
    """The value, its plain values as the texts they were written as; None for what is no YAML."""
    try:
        return yaml.load(fields, Loader=yaml.CBaseLoader)  # noqa: S506 - it makes texts, lists and mappings only
    except (yaml.YAMLError, RecursionError, ValueError):
        return None


def _load_toml(fields: str) -> Any:
    try:
        return tomllib.loads(fields)
    except (ValueError, RecursionError):
        return None


def _front_matter(found: Mapping[str, Any], *, body: str) -> FrontMatter:
    fields: dict[str, str] = {}
    for name, text in islice(_fields(found), MOST_FIELDS):
        fields[name] = f"{fields[name]}, {text}" if name in fields else text
    name = next((name for name in fields if name.lower() == "title"), "")
    return FrontMatter(body, fields.pop(name, ""), fields)


def _fields(found: Mapping[str, Any], path: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """The values below their names, those of inner mappings as "outer.inner"."""
    for key, value in found.items():
        name = f"{path}{' '.join(str(key).split())}"[:LONGEST_VALUE]
        if isinstance(value, Mapping) and depth < DEEPEST:
            yield from _fields(value, f"{name}.", depth + 1)
            continue
        text = ", ".join(islice(_texts(value, depth), MOST_VALUES))[:LONGEST_VALUE]
        if text:
            yield name, text


def _texts(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, list) and depth < DEEPEST:
        for inner in value:
            yield from _texts(inner, depth + 1)
    elif isinstance(value, Mapping) and depth < DEEPEST:
        yield from (f"{name}: {text}" for name, text in _fields(value, depth=depth + 1))
    elif not isinstance(value, list | Mapping) and value is not None:
        text = " ".join(str(value).split())
        yield from filter(None, [text])
