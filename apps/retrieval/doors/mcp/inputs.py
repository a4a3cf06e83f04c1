"""What each tool is given. The schemas that agents are told are made from these."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field, StrictBool, StrictInt, StringConstraints, model_validator

from apps.documents.retrieval_settings import Mode
from apps.retrieval.doors.api import Text
from ragsite.gateway.names import StrictBody

Pattern = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Offset = Annotated[StrictInt, Field(ge=0, le=1_000_000, description="`next_offset` of the page before.")]
Limit = Annotated[StrictInt, Field(ge=1, le=100)]
Bases = Annotated[
    list[UUID] | None, Field(max_length=50, description="Ids of knowledge bases; all that you may read if left out.")
]


class ListInput(StrictBody):
    knowledge_base: UUID | None = Field(None, description="List its documents; left out, knowledge bases are listed.")
    offset: Offset = 0
    limit: Limit = 50


class FindInput(StrictBody):
    name: Name = Field(description="Part of the title, file name or external id; case and accents do not matter.")
    knowledge_base: UUID | None = None
    offset: Offset = 0
    limit: Limit = 20


class GrepInput(StrictBody):
    pattern: Pattern = Field(description="An exact text, or with `regex` a regular expression (PostgreSQL's).")
    regex: StrictBool = False
    ignore_case: StrictBool = False
    knowledge_base: UUID | None = None
    document: UUID | None = None
    context: StrictInt = Field(0, ge=0, le=5, description="Lines before and after each match.")
    limit: Limit = 30
    next: str = Field("", max_length=60, description="`next` of an earlier result, to go on.")


class ReadInput(StrictBody):
    document: UUID | None = Field(None, description="Its current version is read.")
    version: UUID | None = Field(None, description="Read this version instead.")
    first_line: StrictInt = Field(1, ge=1, le=100_000_000)
    lines: StrictInt = Field(200, ge=1, le=1_000)

    @model_validator(mode="after")
    def _one_of_both(self) -> ReadInput:
        if (self.document is None) == (self.version is None):
            raise ValueError("give either document or version")
        return self


class SearchInput(StrictBody):
    query: Text
    knowledge_bases: Bases = None
    top_k: StrictInt = Field(8, ge=1, le=50)
    mode: Mode | None = Field(None, description="By meaning (dense), words (lexical) or both; usually left out.")


class AskInput(StrictBody):
    question: Text
    knowledge_bases: Bases = None
