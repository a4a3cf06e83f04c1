from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.documents.models import KnowledgeBase
from apps.documents.retrieval_settings import Fusion, InvalidRetrievalError, Mode, RetrievalSettings
from apps.documents.services.knowledge_bases import knowledge_base_update
from ragsite.core.models import OutboxEvent
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.documents.api.uploading import BASES

RRF = {"fusion": "rrf", "weight": 0.3}
WRONG: list[tuple[Any, str]] = [
    ({"mode": "psychic"}, "The mode 'psychic' does not exist."),
    ({"fusion": 7}, "The fusion 7 does not exist."),
    ({"weight": 1.2}, "The weight 1.2 is invalid."),
    ({"weight": True}, "The weight True is invalid."),
    ({"weight": "half"}, "The weight 'half' is invalid."),
    ({"names": -0.1}, "The share -0.1 of names is invalid."),
    ({"same_page": "all"}, "The share 'all' of same_page is invalid."),
    ({"speed": 1}, "There is no retrieval setting called 'speed'."),
]


def test_settings_survive_the_way_through_a_dict() -> None:
    settings = RetrievalSettings(Mode.LEXICAL, Fusion.RRF, 0.25, names=0.3, same_page=0.5)
    assert RetrievalSettings.from_dict(settings.to_dict()) == settings


def test_what_a_dict_leaves_out_has_the_default() -> None:
    assert RetrievalSettings.from_dict(RRF) == RetrievalSettings(Mode.HYBRID, Fusion.RRF, 0.3)


@pytest.mark.parametrize(("wrong", "sentence"), WRONG, ids=str)
def test_what_nothing_can_be_searched_by_is_refused_in_words(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidRetrievalError) as error:
        RetrievalSettings.from_dict(wrong)
    assert error.value.message == sentence
    assert "dense, lexical, hybrid" in error.value.sentence


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_weight_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(InvalidRetrievalError):
        RetrievalSettings(weight=value)


@pytest.mark.django_db
def test_a_knowledge_base_is_made_with_settings_and_they_change_later(client: Client, base: KnowledgeBase) -> None:
    made = client.post(BASES, {"name": "Rules", "retrieval": RRF}, content_type="application/json")
    assert (made.status_code, made.json()["retrieval"]) == (201, RRF)
    url = f"{BASES}{base.pk}/"
    assert client.get(url).json()["retrieval"] == {}
    changed = client.patch(url, {"retrieval": {"mode": "dense"}}, content_type="application/json")
    assert (changed.status_code, changed.json()["retrieval"]) == (200, {"mode": "dense"})
    (event,) = OutboxEvent.objects.filter(type="knowledge_base.updated")
    assert event.payload["changed"] == ["retrieval"]
    assert client.patch(url, {"retrieval": {}}, content_type="application/json").json()["retrieval"] == {}


@pytest.mark.django_db
@pytest.mark.parametrize(("wrong", "sentence"), [*WRONG, ("dense", "dictionary")], ids=str)
def test_wrong_settings_change_nothing(client: Client, base: KnowledgeBase, wrong: Any, sentence: str) -> None:
    for refused in (
        client.patch(f"{BASES}{base.pk}/", {"retrieval": wrong}, content_type="application/json"),
        client.post(BASES, {"name": "Rules", "retrieval": wrong}, content_type="application/json"),
    ):
        assert refused.status_code == 422
        assert sentence in refused.content.decode()
    assert list(KnowledgeBase.objects.values_list("retrieval", flat=True)) == [{}]
    assert not OutboxEvent.objects.filter(type="knowledge_base.updated").exists()


@pytest.mark.django_db
def test_the_service_refuses_what_no_door_has_checked() -> None:
    base = make.knowledge_base()
    with pytest.raises(InvalidRetrievalError):
        knowledge_base_update(knowledge_base=base, retrieval={"weight": 7}, actor=ACTOR)
    with pytest.raises(InvalidRetrievalError):
        make.knowledge_base(retrieval={"mode": "x"})
