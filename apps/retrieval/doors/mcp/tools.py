"""Every tool: one row each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from apps.retrieval.doors.mcp import asking, reading
from apps.retrieval.doors.mcp.inputs import AskInput, FindInput, GrepInput, ListInput, ReadInput, SearchInput
from apps.retrieval.doors.mcp.told import Told
from ragsite.core.errors import RagError
from ragsite.gateway.keys import Principal
from ragsite.gateway.members import permitted
from ragsite.gateway.models import Permission
from ragsite.gateway.names import StrictBody
from ragsite.gateway.problems import problem
from ragsite.gateway.routes import Kind


@dataclass(frozen=True, slots=True)
class Tool:
    """What an agent is told of it, who may call it, whose turns it takes, and what it does."""

    name: str
    description: str
    given: type[StrictBody]
    permission: Permission
    kind: Kind
    work: Callable[[Principal, Any], Told]

    @property
    def schema(self) -> dict[str, Any]:
        """Of its input, as JSON Schema; unknown fields are refused."""
        return self.given.model_json_schema()

    def call(self, principal: Principal, arguments: Mapping[str, Any]) -> Told:
        """What it tells; a refusal is told, too, with what to do."""
        try:
            return self.work(permitted(principal, self.permission), self.given.model_validate(dict(arguments)))
        except ValidationError as error:
            return Told(_invalid(error), {"code": "invalid_input"}, is_error=True)
        except RagError as error:
            return refused(error)


TOOLS = {
    tool.name: tool
    for tool in (
        Tool(
            "list",
            "List knowledge bases; with `knowledge_base`, its documents by title.",
            ListInput, Permission.READ, Kind.OTHER, reading.list_all,
        ),
        Tool(
            "find",
            "Find documents by a part of their name.",
            FindInput, Permission.READ, Kind.OTHER, reading.find,
        ),
        Tool(
            "grep",
            "Find lines with an exact text or a regular expression: names, numbers, codes. Use `search` for meaning.",
            GrepInput, Permission.READ, Kind.SEARCH, reading.grep,
        ),
        Tool(
            "read",
            "Read a document's lines, with their numbers. Go on with `next_line`.",
            ReadInput, Permission.READ, Kind.OTHER, reading.read,
        ),
        Tool(
            "search",
            "Find the passages that fit a question best, by meaning and words.",
            SearchInput, Permission.QUERY, Kind.SEARCH, asking.search,
        ),
        Tool(
            "ask",
            "Answer a question from the documents: each sentence with checked citations, or that it is not found.",
            AskInput, Permission.QUERY, Kind.ANSWER, asking.ask,
        ),
    )
}  # fmt: skip


def tools_of(principal: Principal) -> list[Tool]:
    """Those that the caller may call."""
    return [tool for tool in TOOLS.values() if tool.permission.value in principal.permissions]


def refused(error: RagError) -> Told:
    """A failure as a tool tells it."""
    return Told(error.sentence, problem(error), is_error=True)


def _invalid(error: ValidationError) -> str:
    wrong = [f"{'.'.join(map(str, one['loc'])) or 'arguments'}: {one['msg']}" for one in error.errors()]
    return "The arguments are not valid. " + "; ".join(wrong) + "."
