"""What every way to a language model keeps to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from apps.models.errors import DeadlineExceededError
from apps.models.gateway import Deadline, ModelCall, ModelTransport, Purpose
from apps.models.generation import (
    Conversation,
    Finish,
    GeneratedText,
    GenerationEnd,
    GenerationOptions,
    GenerationPiece,
    Message,
    Role,
)
from apps.models.installed_model import InstalledModel
from apps.models.selectors import installed_model
from apps.models.services.registry import model_register
from ragsite.core.errors import ModelNotFoundError, PermanentError
from ragsite.core.ids import new_id
from tests.acting import ACTOR
from tests.apps.models.writers import writer_make
from tests.contracts.transports import TRANSPORTS

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]

QUESTION = "When does the tenant pay the rent of naïve 東京 each month, and to whom?"
REAL = [name for name in TRANSPORTS if name != "fake"]
"""Those that have models, and no room for everything."""

Write = Callable[..., Iterator[GenerationPiece]]


@pytest.fixture
def model(transactional_db: None, tmp_path: Path) -> InstalledModel:
    return installed_model(model_register(source=writer_make(tmp_path), actor=ACTOR))


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest, model: InstalledModel) -> Iterator[ModelTransport]:
    with ExitStack() as stack:
        yield TRANSPORTS[request.param](stack)


@pytest.fixture
def write(transport: ModelTransport, model: InstalledModel) -> Write:
    def write(question: str = QUESTION, *, seconds: float = 60.0, **options: object) -> Iterator[GenerationPiece]:
        said = Conversation((Message(Role.USER, question),), GenerationOptions(**options))  # type: ignore[arg-type]
        return transport.stream(ModelCall(model, said, Purpose.ANSWER, Deadline.after(seconds)))

    return write


def text_of(pieces: list[GenerationPiece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, GeneratedText))


def test_the_pieces_are_text_and_then_one_end_with_its_usage(write: Write) -> None:
    pieces = list(write(max_tokens=6))
    assert [type(piece) for piece in pieces[:-1]] == [GeneratedText] * (len(pieces) - 1)
    assert text_of(pieces)
    end = pieces[-1]
    assert isinstance(end, GenerationEnd)
    assert (end.finish, end.completion_tokens) == (Finish.LENGTH, 6)
    assert end.prompt_tokens > 6


def test_the_same_call_gives_the_same_text_and_its_order_is_kept(write: Write) -> None:
    assert text_of(list(write(max_tokens=40))) == text_of(list(write(max_tokens=40)))
    assert text_of(list(write(max_tokens=40))).startswith(text_of(list(write(max_tokens=8))))


def test_several_texts_are_written_at_once(write: Write) -> None:
    streams = [write(max_tokens=10) for _ in range(3)]
    begun = [[next(pieces)] for pieces in streams]
    texts = {text_of(first + list(rest)) for first, rest in zip(begun, streams, strict=True)}
    assert len(texts) == 1


def test_a_stream_may_be_left_at_any_piece(write: Write) -> None:
    pieces = write(max_tokens=400)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert list(pieces) == []
    assert isinstance(list(write(max_tokens=2))[-1], GenerationEnd), "the next one is written"


def test_a_call_after_its_deadline_is_refused(write: Write) -> None:
    with pytest.raises(DeadlineExceededError):
        next(write(seconds=-1))


@pytest.mark.parametrize("transport", REAL, indirect=True)
def test_what_has_no_room_is_refused_with_its_numbers(write: Write) -> None:
    with pytest.raises(PermanentError, match="more than the 512") as refused:
        list(write("rent " * 700))
    assert refused.value.error_code == "context_too_long"


@pytest.mark.parametrize("transport", REAL, indirect=True)
def test_a_model_that_is_not_there_is_refused_in_words(transport: ModelTransport, model: InstalledModel) -> None:
    gone = replace(model, version_id=new_id(), path=Path("/nowhere"))
    said = Conversation((Message(Role.USER, QUESTION),))
    with pytest.raises(ModelNotFoundError):
        list(transport.stream(ModelCall(gone, said, Purpose.ANSWER, Deadline.after(60))))
