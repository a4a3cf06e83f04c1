"""`/v1/embeddings`: vectors of texts, by a registered embedding model."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from ninja import Schema
from numpy.typing import NDArray
from pydantic import Field, StrictInt, StringConstraints

from apps.models.gateway import Deadline, Purpose, TextRole, embed
from apps.models.installed_model import EmbeddingModel
from apps.models.selectors import embedding_model_named
from apps.retrieval.doors.openai.parameters import Ignored
from ragsite.core.configuration import SearchSettings
from ragsite.core.errors import PermanentError

MOST_TEXTS = 256
EmbeddedText = Annotated[str, StringConstraints(min_length=1)]


class EmbeddingsBody(Ignored):
    """`input_type` says what the texts are to a search, which some models want to be told; it is not of OpenAI's API."""

    model: str
    input: EmbeddedText | Annotated[list[EmbeddedText], Field(min_length=1, max_length=MOST_TEXTS)]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: StrictInt | None = None
    input_type: TextRole = TextRole.DOCUMENT

    @property
    def texts(self) -> list[str]:
        return [self.input] if isinstance(self.input, str) else self.input


class EmbeddingOut(Schema):
    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingUsageOut(Schema):
    """Tokens of language models are counted, and those of embedding models are not."""

    prompt_tokens: int = 0
    total_tokens: int = 0


class EmbeddingsOut(Schema):
    object: Literal["list"] = "list"
    data: list[EmbeddingOut]
    model: str
    usage: EmbeddingUsageOut = EmbeddingUsageOut()


def embeddings_out(body: EmbeddingsBody) -> EmbeddingsOut:
    """The vectors of the texts, in their order, as the gateway gives them.

    Raises:
        ModelNotFoundError: there is no embedding model of that name.
        PermanentError: its vectors are not as wide as is asked for.
        RagError: no model answered.
    """
    model = embedding_model_named(body.model)
    _width_check(body.dimensions, model)
    deadline = Deadline.after(SearchSettings.current().seconds)
    rows = embed(body.texts, role=body.input_type, model=model, purpose=Purpose.QUERY, deadline=deadline)
    told = _encoded(rows) if body.encoding_format == "base64" else rows.tolist()
    return EmbeddingsOut(data=_numbered(told), model=body.model)


def _width_check(wanted: int | None, model: EmbeddingModel) -> None:
    if wanted not in (None, model.dimensions):
        raise PermanentError(
            f"dimensions is {wanted}: vectors of {model.name!r} have {model.dimensions}.",
            action="Leave it out, or name another model.",
        )


def _encoded(rows: NDArray[np.float32]) -> list[str]:
    """Each row as 32-bit floats, the lowest byte first, in base 64."""
    return [base64.b64encode(row.astype("<f4").tobytes()).decode() for row in rows]


def _numbered(rows: Sequence[Any]) -> list[EmbeddingOut]:
    return [EmbeddingOut(index=index, embedding=row) for index, row in enumerate(rows)]
