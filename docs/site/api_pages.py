"""The reference of the REST API, made of its OpenAPI document: a page a tag, the objects, and the problem codes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from http import HTTPStatus
from itertools import groupby
from typing import Any

from docs.site.markdown import code, slug, table, target, words
from docs.site.schemas import Schema, anchor, fields_table, referred, resolved, type_words
from ragsite.gateway.problem_codes import EVERYWHERE, PROBLEMS
from ragsite.gateway.problem_examples import EXAMPLES

ROOT = "reference"
PROBLEM = "Problem"
HEAD = """# The operations

{count} operations of the REST API, made of the OpenAPI document that ragsite serves at `/api/openapi.json`; a page to try them
on is at `/api/docs`. How to use them is in [the REST API](../../api.md), what they take and give in [the objects](../objects.md),
and what can go wrong in [the problem codes](../problems.md).

Each operation takes an API key, or a token in its place, as `Authorization: Bearer …`. "Needs" names the permission that the key
must have; of several one is enough.

"""
OBJECTS = """# The objects

What the REST API takes and gives, by name. A field with a star is always given, or has to be.

"""
PROBLEMS_HEAD = """# The problem codes

Every code that an answer in the API's one error format can have, with an example of its words. `code` is stable; the words are
for people. [Errors](../api.md#errors) has the format, and what to do.

## Of every operation

"""


@dataclass(frozen=True)
class Operation:
    """One method of one address."""

    method: str
    path: str
    said: Mapping[str, Any]

    @property
    def tag(self) -> str:
        return str(self.said["tags"][0])

    @property
    def title(self) -> str:
        return words(self.said["summary"])

    @property
    def anchor(self) -> str:
        return f"op-{slug(self.method)}-{slug(self.path.removeprefix('/api/v1'))}"

    @cached_property
    def needs(self) -> list[str]:
        """Permissions of which one is enough."""
        return [name for one in self.said["security"] for names in one.values() for name in names]


def api_pages(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """All pages, by their path in the site."""
    objects: Mapping[str, Schema] = document["components"]["schemas"]
    by_tag: dict[str, list[Operation]] = defaultdict(list)
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            operation = Operation(method.upper(), path, said)
            by_tag[operation.tag].append(operation)
    yield f"{ROOT}/api/index.md", _overview(by_tag)
    for tag, operations in by_tag.items():
        yield f"{ROOT}/api/{tag}.md", _page(tag, operations, document)
    yield f"{ROOT}/objects.md", OBJECTS + "\n".join(_object(name, objects) for name in sorted(objects))
    yield f"{ROOT}/problems.md", f"{PROBLEMS_HEAD}{_linked(EVERYWHERE)}.\n\n{_codes()}"


def _title(tag: str) -> str:
    text = tag.replace("-", " ")
    return text[0].upper() + text[1:]


def _overview(by_tag: Mapping[str, list[Operation]]) -> str:
    parts = [HEAD.format(count=sum(map(len, by_tag.values())))]
    for tag in sorted(by_tag):
        parts += [f"## [{_title(tag)}]({tag}.md)\n", _listed(by_tag[tag])]
    tree = ["```{toctree}", ":hidden:", "", *sorted(by_tag), "```", ""]
    return "\n".join([*parts, *tree])


def _listed(operations: Iterable[Operation]) -> str:
    rows = [(f"[{one.title}](#{one.anchor})", _address(one), _needs(one)) for one in operations]
    return table(("operation", "address", "needs"), rows)


def _address(operation: Operation) -> str:
    return code(f"{operation.method} {operation.path}")


def _needs(operation: Operation) -> str:
    return " or ".join(code(name) for name in operation.needs) or "any key"


def _page(tag: str, operations: list[Operation], document: Mapping[str, Any]) -> str:
    head = [f"# {_title(tag)}\n", _listed(operations)]
    return "\n".join([*head, *("\n".join(_operation(one, document)) for one in operations)])


def _operation(operation: Operation, document: Mapping[str, Any]) -> Iterator[str]:
    said, objects = operation.said, document["components"]["schemas"]
    yield f"{target(operation.anchor)}\n## {operation.title}\n"
    yield _shown(operation)
    if described := words(said.get("description", "")):
        yield f"{described}\n"
    yield f"Needs {_needs(operation)}.\n"
    yield from _parameters(said.get("parameters", ()))
    yield from _body(said.get("requestBody", {}), objects)
    yield "**Answers**\n"
    yield table(("status", "what"), _successes(said["responses"]))
    yield "**Problems**, besides those of [every operation](../problems.md#of-every-operation)\n"
    yield table(("status", "code"), _problems(said["responses"], document["components"]["responses"])) or "None.\n"


def _shown(operation: Operation) -> str:
    method = f'<span class="rag-method rag-{operation.method.lower()}">{operation.method}</span>'
    return f'<p class="rag-operation">{method} <code>{escape(operation.path)}</code></p>\n'


def _parameters(parameters: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    rows = [
        (code(one["name"]), one["in"], type_words(one.get("schema", {})), words(one.get("description", "")))
        for one in parameters
    ]
    if rows:
        yield "**Parameters**\n"
        yield table(("name", "in", "type", "meaning"), rows)


def _body(body: Mapping[str, Any], objects: Mapping[str, Schema]) -> Iterator[str]:
    if not body:
        return
    kinds = " or ".join(code(kind) for kind in body["content"])
    schema = next(iter(body["content"].values()))["schema"]
    yield f"**Body**, as {kinds}" + (
        f": [{referred(schema)}](#{anchor(referred(schema))})\n" if referred(schema) else "\n"
    )
    yield fields_table(resolved(schema, objects))


def _successes(responses: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for status, response in sorted(responses.items()):
        if "$ref" not in response:
            given = [
                f"{type_words(one['schema'])} as {code(kind)}" for kind, one in response.get("content", {}).items()
            ]
            yield f"{status} {_phrase(status)}", " or ".join(given) or "nothing"


def _problems(responses: Mapping[str, Any], shared: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The codes by status, without those of every operation."""
    for status, response in sorted(responses.items()):
        if "$ref" in response:
            examples = shared[response["$ref"].rpartition("/")[2]]["content"]["application/problem+json"]["examples"]
            if own := [name for name in examples if name not in EVERYWHERE]:
                yield f"{status} {_phrase(status)}", _linked(own)


def _linked(names: Iterable[str]) -> str:
    return ", ".join(f"[{code(name)}](#problem-{slug(name)})" for name in names)


def _phrase(status: str) -> str:
    return HTTPStatus(int(status)).phrase


def _object(name: str, objects: Mapping[str, Schema]) -> str:
    schema = objects[name]
    described = words(schema.get("description", ""))
    shape = fields_table(schema) or f"{type_words(schema).capitalize()}.\n"
    return "\n".join([f"{target(anchor(name))}\n## {name}\n", *([f"{described}\n"] if described else ()), shape])


def _codes() -> str:
    return "\n".join(
        "\n".join([f"## {status} {HTTPStatus(status).phrase}\n", *(_problem(name) for name in names)])
        for status, names in groupby(
            sorted(PROBLEMS, key=lambda name: (PROBLEMS[name], name)), key=PROBLEMS.__getitem__
        )
    )


def _problem(name: str) -> str:
    return f"{target(f'problem-{slug(name)}')}\n### `{name}`\n\n{words(EXAMPLES[name])}\n"
