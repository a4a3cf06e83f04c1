"""Vectors and scores of models that servers run."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.models.gateway import Deadline, Purpose, TextRole, embed, rerank
from apps.models.installed_model import EmbeddingModel, InstalledModel, ModelKind
from apps.models.prompts import Prompts
from apps.models.servers.endpoint import Endpoint
from ragsite.core.audience import Client, ClientLeft, working_for
from ragsite.core.errors import ModelUnavailableError, PermanentError, RagError
from ragsite.core.ids import new_id
from tests.model_server import MODEL, WAIT, Behaviour, ModelServer, directions, hangs, model_server, refuses

TEXTS = ["the harbour has berths", "a berth costs 31 euros", "naïve 東京"]
PROMPTS = Prompts("query: ", "passage: ")


def encoder(*urls: str, width: int = 16, prompts: Prompts = PROMPTS) -> EmbeddingModel:
    endpoint = Endpoint(urls, MODEL)
    return EmbeddingModel(new_id(), "encoder", Path(), "", 512, dimensions=width, prompts=prompts, endpoint=endpoint)


def reranker(*urls: str) -> InstalledModel:
    return InstalledModel(new_id(), "judge", Path(), "", 0, ModelKind.RERANKING, endpoint=Endpoint(urls, MODEL))


def embedded(texts: list[str], model: EmbeddingModel, *, role: TextRole = TextRole.DOCUMENT) -> np.ndarray:
    return embed(texts, role=role, model=model, purpose=Purpose.INDEX, deadline=Deadline.after(WAIT))


def scored(texts: list[str], model: InstalledModel, *, query: str = "what costs a berth") -> np.ndarray:
    return rerank(query, texts, model=model, purpose=Purpose.QUERY, deadline=Deadline.after(WAIT))


@pytest.mark.parametrize("as_base64", [False, True])
def test_vectors_are_in_the_order_of_their_texts_and_of_length_one(engine: ModelServer, as_base64: bool) -> None:
    engine.as_base64 = as_base64
    rows = embedded(TEXTS, encoder(engine.url))
    due = directions([f"passage: {text}" for text in TEXTS], width=16)
    assert rows.dtype == np.float32
    assert np.allclose(rows, due, atol=1e-6)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-6)


def test_the_prompt_of_the_role_stands_before_each_text(engine: ModelServer) -> None:
    model = encoder(engine.url)
    embedded(["x"], model, role=TextRole.QUERY)
    embedded(["x"], model)
    assert [one["input"] for one in engine.asked("/v1/embeddings")] == [["query: x"], ["passage: x"]]
    assert {one["model"] for one in engine.asked("/v1/embeddings")} == {MODEL}


def test_many_texts_go_in_portions_to_all_servers_and_come_back_in_order(engine: ModelServer) -> None:
    texts = [f"text number {number}" for number in range(150)]
    with model_server() as other:
        rows = embedded(texts, encoder(engine.url, other.url, prompts=Prompts()))
        asked = [len(one["input"]) for server in (engine, other) for one in server.asked("/v1/embeddings")]
        assert other.asked("/v1/embeddings")
    assert np.allclose(rows, directions(texts, width=16), atol=1e-6)
    assert sorted(asked) == [22, 32, 32, 32, 32]
    assert engine.asked("/v1/embeddings")


def test_a_text_that_is_too_long_is_cut_and_costs_the_others_nothing(engine: ModelServer) -> None:
    engine.longest = 100
    long = "harbour " * 30
    rows = embedded([*TEXTS, long], encoder(engine.url, prompts=Prompts()))
    assert np.allclose(rows[:3], directions(TEXTS, width=16), atol=1e-6)
    assert np.allclose(rows[3], directions(["harbour"], width=16)[0], atol=0.2)


def test_what_has_no_room_for_a_few_letters_is_refused(engine: ModelServer) -> None:
    engine.longest = 10
    with pytest.raises(PermanentError) as refused:
        embedded(["a text of some length " * 9], encoder(engine.url))
    assert refused.value.error_code == "context_too_long"


def vectors(*told: Any) -> Behaviour:
    return lambda http, _: http.json({"data": [{"index": n, "embedding": one} for n, one in enumerate(told)]})


GOOD = [1.0] * 16
ODD: list[tuple[Behaviour, str]] = [
    (vectors(GOOD), "invalid_reply"),
    (vectors(GOOD, GOOD, GOOD, GOOD), "invalid_reply"),
    (vectors(GOOD, GOOD, [1.0]), "invalid_reply"),
    (vectors(GOOD, GOOD, [0.0] * 16), "invalid_reply"),
    (vectors(GOOD, GOOD, [math.nan] * 16), "invalid_reply"),
    (vectors(GOOD, GOOD, [1e308] * 16), "invalid_reply"),
    (vectors(GOOD, GOOD, [[1.0]] * 16), "invalid_reply"),
    (vectors(GOOD, GOOD, []), "invalid_reply"),
    (vectors(GOOD, GOOD, "no base64!"), "invalid_reply"),
    (vectors(GOOD, GOOD, "AAAA"), "invalid_reply"),
    (vectors(GOOD, GOOD, ["a"] * 16), "invalid_reply"),
    (vectors(GOOD, GOOD, None), "invalid_reply"),
    (lambda http, _: http.json({"data": [{"index": 0, "embedding": GOOD}] * 3}), "invalid_reply"),
    (vectors(GOOD, GOOD, [10**400] * 16), "invalid_reply"),
    (lambda http, _: http.json({"data": [7, 8, 9]}), "invalid_reply"),
    (lambda http, _: http.json([]), "invalid_reply"),
    (lambda http, _: http.json({"error": "no"}), "invalid_reply"),
    (lambda http, _: http.text("[" * 100_000), "invalid_reply"),
    (vectors([1.0] * 8, [1.0] * 8, [1.0] * 8), "invalid_embedding"),
    (refuses(500, "boom"), "model_server_failed"),
    (refuses(401, "no"), "model_key_refused"),
]


@pytest.mark.parametrize(("behaviour", "code"), ODD)
def test_what_is_no_vector_for_each_text_is_an_error_in_words(
    engine: ModelServer, behaviour: Behaviour, code: str
) -> None:
    engine.then(behaviour)
    with pytest.raises(RagError) as failed:
        embedded(TEXTS, encoder(engine.url))
    assert failed.value.error_code == code, failed.value.sentence


@pytest.mark.parametrize("is_tei", [False, True])
def test_scores_are_in_the_order_of_their_texts_whichever_way_the_server_is_asked(
    engine: ModelServer, is_tei: bool
) -> None:
    engine.is_tei = is_tei
    model = reranker(engine.url)
    for _ in range(2):
        found = scored(["nothing here", "a berth costs 31 euros", "a pier"], model)
        assert found.tolist() == [0.0, 0.75, 0.25]
    ways = [one.path for one in engine.seen]
    assert ways == (["/v1/rerank", "/rerank", "/rerank"] if is_tei else ["/v1/rerank"] * 2), "the way is remembered"


def test_a_reranker_that_is_replaced_by_one_of_the_other_style_is_asked_its_way(engine: ModelServer) -> None:
    model = reranker(engine.url)
    for engine.is_tei in (False, True, False):
        assert scored(["a berth"], model).tolist() == [0.5]


def test_scores_of_many_texts_come_in_portions(engine: ModelServer) -> None:
    texts = ["a berth costs" if number == 40 else "nothing" for number in range(50)]
    found = scored(texts, reranker(engine.url))
    assert found.argmax() == 40
    assert sorted(len(one["documents"]) for one in engine.asked("/v1/rerank")) == [18, 32]


@pytest.mark.parametrize(
    "told",
    [
        {"results": [{"index": 0, "relevance_score": 1.0}]},
        {"results": [{"index": 0, "relevance_score": "high"}, {"index": 1, "relevance_score": 0.1}]},
        {"results": [{"index": 0, "relevance_score": 10**400}, {"index": 1, "relevance_score": 0.1}]},
        {"results": [{"index": 0, "relevance_score": 1.0}, {"index": 7, "relevance_score": 0.1}]},
        {"results": None},
        [],
    ],
)
def test_what_is_no_score_for_each_text_is_an_error(engine: ModelServer, told: Any) -> None:
    engine.then(lambda http, _: http.json(told))
    with pytest.raises(ModelUnavailableError) as failed:
        scored(["a", "b"], reranker(engine.url))
    assert failed.value.error_code == "invalid_reply"


def test_a_server_that_reranks_in_neither_way_refuses(engine: ModelServer) -> None:
    engine.always(refuses(404, "page not found"))
    with pytest.raises(PermanentError, match="/v1 answered 404") as refused:
        scored(["a"], reranker(engine.url))
    assert refused.value.error_code == "model_server_refused"


@pytest.mark.parametrize(
    "ask", [lambda url: embedded(["a"] * 40, encoder(url)), lambda url: scored(["a"], reranker(url))]
)
def test_a_client_that_leaves_frees_the_server(engine: ModelServer, ask: Callable[[str], Any]) -> None:
    client = Client()

    def thinks(http: Any, seen: Any) -> None:
        client.has_left = True
        hangs()(http, seen)

    engine.always(thinks)
    with working_for(client), pytest.raises(ClientLeft):
        ask(engine.url)
    assert engine.left.wait(WAIT)
