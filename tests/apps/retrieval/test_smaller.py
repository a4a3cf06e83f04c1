"""An embedding model that does not answer, and a smaller one behind it: whose index is searched, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from apps.documents.models import Document, KnowledgeBase
from apps.models.errors import DeadlineExceededError
from apps.models.models import ModelStatus, ModelVersion
from apps.models.selectors import _remembered
from apps.models.services.fallbacks import model_fall_back
from apps.models.services.registry import model_register
from apps.retrieval.index.generations import generation_ensure
from apps.retrieval.models import GenerationState, IndexGeneration
from apps.retrieval.reindexing.standby import standbys_follow
from ragsite.core.errors import RagError
from tests import factories as make
from tests import turns
from tests.acting import ACTOR
from tests.apps.models.conftest import checkpoint_make
from tests.apps.retrieval.test_degrading import ERRORS, QUESTION, TEXTS, Failing, Silent, both_families

pytestmark = pytest.mark.django_db
UseTransport = Callable[[Any], None]
LATE = "The new crane lifts boats of ten tons."


@pytest.fixture
def base(tmp_path: Path) -> KnowledgeBase:
    """Three texts, by a model that has a smaller one behind it, whose index is whole."""
    made = make.knowledge_base()
    for number, text in enumerate(TEXTS):
        make.ready_version(made, text, filename=f"{number}.txt")
    small = model_register(source=checkpoint_make(tmp_path, dimensions=24, tokens=256), name="small", actor=ACTOR)
    model_fall_back(version_id=generation_ensure(made).model_version_id, to=small.pk, actor=ACTOR)
    standbys_follow(turns.long())
    _remembered.clear()
    return made


@pytest.fixture
def large(base: KnowledgeBase) -> str:
    return generation_ensure(base).model_version.model.name


def standby() -> IndexGeneration:
    return IndexGeneration.objects.get(state=GenerationState.STANDBY)


def asked(base: KnowledgeBase, door: str = "search", **body: Any) -> dict[str, Any]:
    text = {"question": QUESTION} if door == "ask" else {"query": QUESTION, "explain": True}
    client = Client(headers=make.headers(base.tenant))
    response = client.post(f"/api/v1/{door}", text | body, content_type="application/json")
    assert response.status_code == 200, response.content
    found: dict[str, Any] = response.json()
    return found


def generations_of(found: dict[str, Any]) -> set[int]:
    return {pk for plan in found["explanation"]["plans"] for pk in plan["generations"]}


@both_families
def test_the_smaller_models_index_is_searched_by_meaning_and_the_result_says_so(
    base: KnowledgeBase, large: str, use_transport: UseTransport, error: RagError
) -> None:
    assert generations_of(asked(base)) == {generation_ensure(base).pk}
    use_transport(Failing(error, large))

    found = asked(base)

    (told,) = found["degraded"]
    assert (told["step"], told["code"], told["knowledge_bases"]) == ("embed", error.error_code, [str(base.pk)])
    assert "a smaller model's index was searched" in told["detail"]
    assert generations_of(found) == {standby().pk}
    assert found["passages"][0]["text"] == TEXTS[0]
    assert None not in {passage["scores"]["dense"] for passage in found["passages"]}
    assert found["explanation"]["mode"] == "hybrid"
    by_meaning = asked(base, mode="dense")
    assert (len(by_meaning["passages"]), len(by_meaning["degraded"])) == (len(TEXTS), 1)


def test_a_model_whose_files_are_not_whole_is_stood_in_for_too(
    base: KnowledgeBase, use_transport: UseTransport
) -> None:
    broken = ModelVersion.objects.filter(pk=generation_ensure(base).model_version_id)
    broken.update(status=ModelStatus.FAILED, error="Its weights have changed.")

    found = asked(base)
    assert (found["degraded"][0]["code"], generations_of(found)) == ("model_not_found", {standby().pk})

    broken.update(fallback=None)
    found = asked(base)
    assert found["explanation"]["mode"] == "lexical"
    assert "only its words were searched for" in found["degraded"][0]["detail"]


def test_what_the_smaller_index_lacks_yet_is_found_by_its_words(
    base: KnowledgeBase, large: str, use_transport: UseTransport
) -> None:
    make.ready_version(base, LATE, filename="crane.txt")
    use_transport(Failing(ERRORS[0], large))

    found = asked(base, query="What does the new crane lift?")

    scores = {passage["text"]: passage["scores"]["dense"] for passage in found["passages"]}
    assert next(iter(scores)) == LATE
    assert scores.pop(LATE) is None
    assert None not in scores.values()
    assert found["explanation"]["mode"] == "hybrid"


def test_knowledge_bases_set_to_meaning_look_for_words_too_while_a_smaller_model_stands_in(
    base: KnowledgeBase, large: str, use_transport: UseTransport
) -> None:
    KnowledgeBase.objects.update(retrieval={"mode": "dense"})
    make.ready_version(base, LATE, filename="crane.txt")
    use_transport(Failing(ERRORS[0], large))

    found = asked(base, query="What does the new crane lift?")

    assert LATE in {passage["text"] for passage in found["passages"]}


def test_what_was_deleted_replaced_or_is_hidden_is_not_found_by_the_smaller_index_either(
    base: KnowledgeBase, large: str, use_transport: UseTransport
) -> None:
    hidden, deleted, _ = Document.objects.filter(knowledge_base=base).order_by("pk")
    Document.objects.filter(pk=hidden.pk).update(restricted=True)
    Document.objects.filter(pk=deleted.pk).update(deleted_at=deleted.created_at)
    use_transport(Failing(ERRORS[0], large))

    for mode in ("dense", "hybrid"):
        assert [passage["text"] for passage in asked(base, mode=mode)["passages"]] == [TEXTS[2]]


def test_one_that_is_not_whole_is_not_searched_and_without_the_smaller_model_words_are(
    base: KnowledgeBase, large: str, use_transport: UseTransport
) -> None:
    use_transport(Failing(ERRORS[0], large, "small"))
    assert asked(base)["explanation"]["mode"] == "lexical"

    IndexGeneration.objects.filter(pk=standby().pk).update(state=GenerationState.FILLING)
    use_transport(Failing(ERRORS[0], large))
    assert asked(base)["explanation"]["mode"] == "lexical"


def test_a_silent_model_leaves_time_for_the_smaller_one(
    base: KnowledgeBase, large: str, use_transport: UseTransport, settings: Any
) -> None:
    settings.RAGSITE_SEARCH_SECONDS = 1.5
    use_transport(Silent(DeadlineExceededError("Too late."), large))

    found = asked(base)

    assert (found["degraded"][0]["code"], generations_of(found)) == ("deadline_exceeded", {standby().pk})


def test_an_answer_is_drawn_from_what_the_smaller_model_finds_and_says_so(
    base: KnowledgeBase, large: str, use_transport: UseTransport
) -> None:
    use_transport(Failing(ERRORS[0], large))

    answered = asked(base, "ask")

    assert "42 berths" in answered["answer"]
    assert answered["generator"] == "extractive"
    assert [one["step"] for one in answered["degraded"]] == ["embed"]
