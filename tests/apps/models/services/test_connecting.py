"""Models that servers run, as they are registered: after they have answered, and with their keys out of sight."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import serializers
from django.db import IntegrityError, transaction

from apps.models.installed_model import EmbeddingModel, ModelKind
from apps.models.models import Model, ModelOrder, ModelStatus, ModelTask, ModelVersion, OrderKind
from apps.models.prompts import NO_PROMPTS
from apps.models.selectors import (
    embedding_model_default,
    endpoint_of,
    installed_model,
    reranker_default,
    writer_default,
    writer_in_use,
)
from apps.models.services.connecting import Connected, Connection, model_connect, model_test
from apps.models.services.holding import model_order
from apps.models.services.registry import model_activate
from apps.models.services.removing import model_remove
from apps.models.services.tasks import model_verify
from ragsite.core.errors import ConflictError, ModelNotFoundError, ModelUnavailableError, PermanentError
from ragsite.core.models import OutboxEvent
from tests.acting import ACTOR
from tests.model_server import KEY, MODEL, ModelServer, model_server, refuses

pytestmark = pytest.mark.django_db


def connect(*urls: str, name: str = "assistant", by_default: bool = False, **about: Any) -> Connected:
    fields: dict[str, Any] = {"kind": ModelKind.GENERATION, "model": MODEL, **about}
    return model_connect(Connection(name=name, urls=urls, **fields), by_default=by_default, actor=ACTOR)


def test_a_model_that_answers_is_connected_and_used(engine: ModelServer) -> None:
    connected = connect(engine.url)
    version = connected.version
    assert [(one.answer, one.error) for one in connected.trials] == [("The harbour has berths.", None)]
    assert (version.status, version.urls, version.server_model) == (ModelStatus.ACTIVE, [engine.url], MODEL)
    assert version.max_tokens == 4096, "as the server says"
    known = installed_model(version)
    assert known == writer_default() == writer_in_use()
    assert known.endpoint == endpoint_of(version)
    told = OutboxEvent.objects.order_by("id").values_list("type", flat=True)
    assert list(told) == ["model.registered", *["model.updated"] * 2]


def test_how_much_it_reads_may_be_unknown_or_given(engine: ModelServer) -> None:
    engine.offers = ({"id": f"{MODEL}:latest"},)
    assert connect(engine.url).version.max_tokens is None
    assert connect(engine.url, max_tokens=900).version.max_tokens == 900


def test_the_default_stays_until_another_shall_be_it(engine: ModelServer) -> None:
    connect(engine.url, name="first")
    second = connect(engine.url, name="second").version
    assert Model.objects.get(is_default=True).name == "first"
    connect(engine.url, name="second", by_default=True)
    assert Model.objects.get(is_default=True).name == "second"
    assert ModelVersion.objects.filter(model__name="second").get() == second


@pytest.mark.parametrize(
    ("about", "error"),
    [
        ({"model": "other"}, ModelNotFoundError),
        ({"model": " "}, PermanentError),
        ({"model": "m" * 201}, PermanentError),
        ({"name": "n" * 201}, PermanentError),
        ({"key_env": "RAGSITE_SECRET_KEY"}, PermanentError),
        ({"key": "two\nlines"}, PermanentError),
        ({"key": "k" * 5000}, PermanentError),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    engine: ModelServer, about: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        connect(engine.url, **about)
    assert not Model.objects.exists()


def test_one_server_of_several_that_fails_is_named_and_nothing_is_written(engine: ModelServer) -> None:
    with model_server() as other:
        other.always(refuses(500, "boom"))
        with pytest.raises(ModelUnavailableError, match=other.url):
            connect(engine.url, other.url)
    assert not Model.objects.exists()


def test_a_model_that_is_unknown_there_is_refused_with_those_that_are(engine: ModelServer) -> None:
    engine.offers = tuple({"id": f"model-{n}"} for n in range(14))
    with pytest.raises(ModelNotFoundError, match=r"it offers model-0, .*model-11 and 2 more"):
        connect(engine.url)


@pytest.mark.parametrize("said", [True, 10**20, -1, "4096"])
def test_a_length_that_no_model_has_is_not_believed(engine: ModelServer, said: object) -> None:
    engine.offers = ({"id": MODEL, "max_model_len": said},)
    assert connect(engine.url).version.max_tokens is None


def test_a_server_that_lists_no_models_may_have_it_all_the_same(engine: ModelServer) -> None:
    engine.no_list = True
    assert connect(engine.url).version.max_tokens is None
    engine.no_list, engine.list_fails = False, True
    assert connect(engine.url).trials[0].answer == "The harbour has berths."


def test_a_key_is_kept_sealed_and_is_in_nothing_that_is_told(engine: ModelServer) -> None:
    version = connect(engine.url, key=KEY).version
    endpoint = endpoint_of(version)
    assert endpoint is not None
    assert endpoint.key() == KEY
    told = [str(one.payload) for one in OutboxEvent.objects.all()]
    rows = serializers.serialize("json", [version, version.model])
    assert KEY not in f"{told} {rows} {version!r} {endpoint!r}"
    assert version.key_sealed not in str(told)
    assert engine.seen[-1].headers["authorization"] == f"Bearer {KEY}"


def test_a_key_stays_for_the_same_servers_and_goes_to_no_others(engine: ModelServer) -> None:
    connect(engine.url, key=KEY)
    connect(engine.url)
    assert engine.seen[-1].headers["authorization"] == f"Bearer {KEY}"
    with model_server() as other:
        connect(engine.url, other.url)
        assert [one for one in other.seen if "authorization" in one.headers] == []
    assert ModelVersion.objects.get().key_sealed == ""


def test_other_servers_of_the_same_model_are_the_same_version(engine: ModelServer) -> None:
    first = connect(engine.url).version
    with model_server() as other:
        again = connect(other.url).version
        assert (again.pk, ModelVersion.objects.get().urls) == (first.pk, [other.url])
    changed = OutboxEvent.objects.filter(type="model.updated").order_by("id").last()
    assert changed is not None
    assert changed.payload["changed"] == ["urls"]


def test_another_model_under_the_name_takes_over_and_can_be_left_again(engine: ModelServer) -> None:
    engine.offers = ({"id": MODEL}, {"id": "larger"})
    first = connect(engine.url).version
    larger = connect(engine.url, model="larger").version
    first.refresh_from_db()
    assert (first.status, larger.status) == (ModelStatus.RETIRED, ModelStatus.ACTIVE)
    assert model_activate(version_id=first.pk, actor=ACTOR).status == ModelStatus.ACTIVE


def test_it_can_be_asked_at_any_time_and_each_server_says_what_came_of_it(engine: ModelServer) -> None:
    with model_server() as other:
        version = connect(engine.url, other.url).version
        engine.then(refuses(401, "no"))
        here, there = model_test(version_id=version.pk)
    assert here.error is not None
    assert (here.error.error_code, there.answer) == ("model_key_refused", "The harbour has berths.")


def test_what_is_done_with_files_says_that_there_are_none(engine: ModelServer) -> None:
    version = connect(engine.url).version
    with pytest.raises(ConflictError, match="no files to check"):
        model_verify(version_id=version.pk, actor=ACTOR)
    for kind in OrderKind:
        with pytest.raises(ConflictError, match="nothing to do here"):
            model_order(version_id=version.pk, kind=kind, actor=ACTOR)
    assert not ModelTask.objects.exists()
    assert not ModelOrder.objects.exists()
    assert model_remove(version_id=version.pk, actor=ACTOR) is None
    assert not Model.objects.exists()


def test_a_version_is_here_or_at_servers_and_not_half_of_both(engine: ModelServer) -> None:
    version = connect(engine.url).version
    rows = ModelVersion.objects.filter(pk=version.pk)
    for columns in ({"urls": []}, {"server_model": ""}, {"path": "/models/x"}, {"sha256": "0" * 64}):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(**columns)


def test_the_setting_names_a_model_without_any_registration(engine: ModelServer, settings: Any) -> None:
    connect(engine.url)
    settings.RAGSITE_GENERATOR = f"openai:{engine.url}#other"
    named = writer_in_use()
    assert named is not None
    assert named.endpoint is not None
    assert (named.name, named.endpoint.urls) == ("other", (engine.url,))
    assert named == writer_in_use()
    settings.RAGSITE_GENERATOR = "extractive"
    assert writer_in_use() is None


ENCODER: dict[str, Any] = {"name": "encoder", "kind": ModelKind.EMBEDDING}


def test_an_embedding_model_is_connected_with_the_width_that_its_server_answers(engine: ModelServer) -> None:
    connected = connect(engine.url, **ENCODER)
    known = installed_model(connected.version)
    assert isinstance(known, EmbeddingModel)
    assert (known.dimensions, known.max_tokens, known.prompts) == (16, 4096, NO_PROMPTS)
    assert connected.trials[0].answer == "a vector of 16 numbers"
    assert embedding_model_default() == known


def test_how_much_an_embedding_model_reads_must_be_known(engine: ModelServer) -> None:
    engine.offers = ({"id": MODEL},)
    with pytest.raises(PermanentError, match="does not say how many tokens"):
        connect(engine.url, **ENCODER)
    assert connect(engine.url, **ENCODER, max_tokens=300).version.max_tokens == 300
    with pytest.raises(PermanentError, match="leave no room in the 3 tokens"):
        connect(engine.url, **ENCODER, max_tokens=3, query_prompt="query: ")


def test_tei_says_how_much_it_reads_though_it_lists_no_models(engine: ModelServer) -> None:
    engine.is_tei = True
    assert connect(engine.url, **ENCODER).version.max_tokens == 512
    assert connect(engine.url, name="judge", kind=ModelKind.RERANKING).version.max_tokens == 512


def test_servers_that_answer_vectors_of_several_widths_run_several_models(engine: ModelServer) -> None:
    with model_server() as other:
        other.width = 8
        with pytest.raises(ConflictError, match="they run several models"):
            connect(engine.url, other.url, **ENCODER)
    assert not Model.objects.exists()


def test_prompts_are_the_familys_or_chosen_and_stay_when_it_is_connected_again(engine: ModelServer) -> None:
    engine.offers = ({"id": "intfloat/e5-small-v2", "max_model_len": 512},)
    e5 = {**ENCODER, "model": "intfloat/e5-small-v2"}
    usual = connect(engine.url, **e5).version
    assert (usual.query_prompt, usual.document_prompt) == ("query: ", "passage: ")
    chosen = connect(engine.url, **e5, query_prompt="", document_prompt="text: ").version
    assert (chosen.pk != usual.pk, chosen.query_prompt, chosen.document_prompt) == (True, "", "text: ")
    with model_server() as other:
        other.offers = engine.offers
        assert connect(other.url, **e5).version.pk == chosen.pk
        usual.refresh_from_db()
        assert usual.urls == [other.url], "an index may still need it"
    with pytest.raises(PermanentError, match="Only embedding models"):
        connect(engine.url, model="intfloat/e5-small-v2", query_prompt="x")


def test_a_reranker_is_connected_after_it_has_scored(engine: ModelServer) -> None:
    connected = connect(engine.url, name="judge", kind=ModelKind.RERANKING)
    assert connected.trials[0].answer.endswith("for one that does not")
    assert reranker_default() == installed_model(connected.version)
