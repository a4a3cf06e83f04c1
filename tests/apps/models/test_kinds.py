"""The table of model kinds: whole, and all that there is to a new kind."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import pytest
from django.utils.module_loading import import_string

from apps.models.checkpoint import checkpoint_read
from apps.models.codec import Codec
from apps.models.engine import resources
from apps.models.engine.resources import ModelResourceManager, engine_build
from apps.models.engine.settings import EngineSettings
from apps.models.errors import DeadlineExceededError
from apps.models.gateway import Deadline, ModelCall, Purpose, remote
from apps.models.gateway.local import LocalTransport
from apps.models.gateway.wire import ModelRequest, decode_reply
from apps.models.installed_model import EmbeddingModel, InstalledModel, ModelKind
from apps.models.kinds import KINDS, BreakerSettings, Kind
from apps.models.memory import encoder_token_numbers
from apps.models.priority import Priority
from ragsite.core.environment import PROJECT_DIR
from ragsite.core.errors import ModelUnavailableError
from ragsite.core.ids import new_id
from tests.apps.models.making import cross_encoder_make

KIND = ModelKind.RERANKING
"""The kind whose row the tests of another shape put their own in place of."""

PATIENCE = 20.0


def test_every_kind_has_a_row_whose_engine_is_there() -> None:
    assert set(KINDS) == set(ModelKind)
    assert all(callable(import_string(row.engine).load) for row in KINDS.values())


def test_a_checkpoint_is_of_the_first_kind_that_recognises_it(
    make_checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "cross").mkdir()
    embedding, cross = checkpoint_read(make_checkpoint()), checkpoint_read(cross_encoder_make(tmp_path / "cross"))

    assert (embedding.kind, embedding.dimensions) == (ModelKind.EMBEDDING, 32)
    assert (cross.kind, cross.dimensions) == (ModelKind.RERANKING, None)


def test_only_the_last_row_recognises_a_checkpoint_that_says_nothing() -> None:
    recognising = [kind for kind, row in KINDS.items() if row.recognised(Path("/nowhere"), {})]
    assert recognising == [list(KINDS)[-1]]


@pytest.mark.parametrize("kind", ModelKind)
def test_the_transports_of_every_kind_keep_to_a_contract(kind: ModelKind) -> None:
    assert (PROJECT_DIR / "tests" / "contracts" / f"test_{kind.value}_transports.py").is_file()


def test_the_table_loads_no_model_library() -> None:
    program = (
        "import django, sys; django.setup(); import apps.models.kinds;"
        "print(sorted({'torch', 'transformers', 'tokenizers'} & set(sys.modules)))"
    )

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert loaded.stdout.strip() == "[]"


@dataclass(frozen=True, slots=True)
class Word:
    """What the speller is given."""

    word: str

    def items(self) -> list[str]:
        return list(self.word)

    def encode(self) -> dict[str, Any]:
        return {"word": self.word}

    @classmethod
    def decode(cls, told: Mapping[str, Any]) -> Self:
        return cls(str(told["word"]))


class Speller:
    """A model that says a word letter by letter, each when a test lets it; it is engine and runner in one."""

    def __init__(self, model: InstalledModel, settings: EngineSettings) -> None:
        self.model = model
        self.is_loaded = False
        self.may_go_on = threading.Semaphore(0)
        self.said: list[str] = []
        self.has_ended = threading.Event()
        self.is_closed = False

    @property
    def engine(self) -> Speller:
        return self

    def weights_bytes(self) -> int:
        return 100

    def working_bytes(self) -> int:
        return 10

    def load(self) -> None:
        self.is_loaded = True

    def unload(self) -> None:
        self.is_loaded = False

    def runner(self) -> Speller:
        assert self.is_loaded
        return self

    def stalled(self, seconds: float) -> bool:
        return False

    def close(self, *, drain: bool = True, timeout: float | None = None) -> None:
        self.is_closed = True

    def stream(self, inputs: Word, *, priority: Priority, deadline: float) -> Iterator[str]:
        try:
            for letter in inputs.word:
                if not self.may_go_on.acquire(timeout=max(0.0, deadline - time.monotonic())):
                    raise DeadlineExceededError(f"The deadline passed before {letter!r}.")
                self.said.append(letter)
                yield letter
        finally:
            self.has_ended.set()


def letter_encode(letter: str) -> dict[str, Any]:
    return {"letter": letter}


def letter_decode(reply: Mapping[str, Any]) -> str:
    return str(reply["letter"])


MODEL = InstalledModel(new_id(), "speller", Path("/nowhere"), "0" * 64, 16, KIND)
CODEC = Codec(Word, letter_encode, letter_decode)


@pytest.fixture
def speller(monkeypatch: pytest.MonkeyPatch) -> Iterator[Speller]:
    """A kind that streams: a row, an engine and what travels, at the real seams."""
    row = Kind(
        recognised=lambda path, config: False, model=InstalledModel, engine=f"{__name__}.Speller", codec=CODEC,
        token_numbers=lambda config: 1, breaker=BreakerSettings(failures=1, open_seconds=1),
    )  # fmt: skip
    made: list[Speller] = []

    def build(model: InstalledModel) -> Any:
        made.append(engine_build(model, EngineSettings()))  # type: ignore[arg-type]
        return made[-1]

    manager = ModelResourceManager(budget_bytes=150, build=build)
    monkeypatch.setitem(KINDS, KIND, row)
    monkeypatch.setattr(resources, "engines", lambda: manager)
    monkeypatch.setattr(remote, "model_version", lambda version_id, *, kind: replace(MODEL, version_id=version_id))
    manager.get(MODEL, timeout=PATIENCE)
    yield made[0]
    manager.close()


def call(word: str, *, seconds: float = PATIENCE) -> ModelCall:
    return ModelCall(MODEL, Word(word), Purpose.ANSWER, Deadline.after(seconds))


def test_pieces_come_as_they_are_made_and_the_model_stays_loaded_meanwhile(speller: Speller) -> None:
    pieces = LocalTransport().stream(call("rent"))
    speller.may_go_on.release(2)

    assert [next(pieces), next(pieces)] == ["r", "e"]
    with pytest.raises(ModelUnavailableError, match=r"still loading|pinned or in use"):
        resources.engines().get(replace(MODEL, version_id=new_id()), timeout=0.2)
    speller.may_go_on.release(2)
    assert list(pieces) == ["n", "t"]


def test_who_closes_a_stream_ends_its_work(speller: Speller) -> None:
    pieces = LocalTransport().stream(call("rent"))
    speller.may_go_on.release(4)
    next(pieces)

    pieces.close()  # type: ignore[attr-defined]

    assert speller.has_ended.is_set()
    assert speller.said == ["r"]


def test_pieces_and_the_error_that_ends_them_travel_as_json(speller: Speller) -> None:
    speller.may_go_on.release(2)
    replies = remote.model_stream(ModelRequest.of(call("rent", seconds=0.5)).encode())

    assert [decode_reply(next(replies), codec=CODEC) for _ in range(2)] == ["r", "e"]
    with pytest.raises(DeadlineExceededError, match="before 'n'"):
        decode_reply(next(replies), codec=CODEC)
    assert list(replies) == []


def test_a_streaming_model_makes_room_like_any_other(speller: Speller) -> None:
    resources.engines().get(replace(MODEL, version_id=new_id()), timeout=PATIENCE)

    assert speller.is_closed
    assert not speller.is_loaded


@pytest.mark.parametrize(("family", "widenings"), [("bert", 2), ("qwen3", 3)])
def test_a_gate_takes_room_of_its_own(family: str, widenings: int) -> None:
    config = {"model_type": family, "hidden_size": 32, "intermediate_size": 64}

    assert encoder_token_numbers(config) == 3 * 32 + widenings * 64


def test_the_budget_counts_what_requests_add_to_the_weights(make_model: Callable[..., EmbeddingModel]) -> None:
    model = make_model()
    engine: Any = engine_build(model, EngineSettings(threads=2, batch_tokens=1000))

    # A layer of width 32 that widens to 64, in both streams.
    assert engine.working_bytes() == 2 * 1000 * (3 * 32 + 2 * 64) * engine.dtype.itemsize
