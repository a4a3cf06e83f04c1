"""Keys for model servers: sent to them, and shown nowhere."""

from __future__ import annotations

import pytest

from ragsite.core.errors import ModelUnavailableError, PermanentError
from ragsite.core.sealing import seal
from tests.apps.models.gateway.at_servers import Write, data, model_at
from tests.model_server import KEY, Behaviour, ModelServer, refuses, streams


def test_a_key_is_in_no_error_and_in_no_representation(
    write: Write, engine: ModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    engine.then(refuses(401, {"error": {"message": f"Incorrect API key provided: {KEY}."}}))
    model = model_at(engine.url, key_sealed=seal(KEY))
    with pytest.raises(PermanentError, match="refused the key") as refused:
        list(write(model=model))
    endpoint = model.endpoint
    assert endpoint is not None
    assert endpoint.key() == KEY
    shown = f"{refused.value!r} {refused.value.sentence} {model!r} {endpoint} {caplog.text}"
    assert KEY not in shown
    assert endpoint.key_sealed not in shown


def test_a_key_that_cannot_be_read_is_an_error_in_words(write: Write, engine: ModelServer) -> None:
    for about in ({"key_sealed": "gAAAAdamaged"}, {"key_env": "DATABASE_URL"}):
        with pytest.raises(PermanentError) as refused:
            list(write(model=model_at(engine.url, **about)))
        assert refused.value.error_code == "model_key_refused"
    assert engine.seen == []


@pytest.mark.parametrize("key", ["two\nlines", "schlüssel", "a\x00b"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_repeated(
    write: Write, engine: ModelServer, key: str
) -> None:
    with pytest.raises(PermanentError, match="no key has") as refused:
        list(write(model=model_at(engine.url, key_sealed=seal(key))))
    assert key not in refused.value.sentence
    assert engine.seen == []


def test_blanks_around_a_key_are_none_of_it(write: Write, engine: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARBOUR_API_KEY", f" {KEY}\n")
    list(write(model=model_at(engine.url, key_env="HARBOUR_API_KEY")))
    assert engine.seen[-1].headers["authorization"] == f"Bearer {KEY}"


LONG = "sk-" + "abc123" * 40


@pytest.mark.parametrize(
    "says",
    [
        refuses(500, {"error": {"message": "x" * 200 + LONG}}),
        refuses(500, "x" * 200 + LONG),
        lambda http, _: http.text("x" * 60 + LONG),
        streams("data: " + "x" * 60 + LONG + "\n\n"),
    ],
)
def test_no_part_of_a_key_is_told_where_the_words_of_a_server_are_cut(
    write: Write, engine: ModelServer, says: Behaviour
) -> None:
    engine.then(says)
    with pytest.raises(ModelUnavailableError) as failed:
        list(write(model=model_at(engine.url, key_sealed=seal(LONG))))
    assert LONG[:12] not in failed.value.sentence


@pytest.mark.parametrize("key", ['with "quotes" in it', "with \\ in it"])
def test_a_key_that_json_writes_otherwise_is_not_told_either(write: Write, engine: ModelServer, key: str) -> None:
    engine.then(refuses(500, {"error": {"message": f"no such key: {key}!"}}), streams(data({"error": f"no {key}"})))
    for _ in range(2):
        with pytest.raises(ModelUnavailableError, match="the key") as failed:
            list(write(model=model_at(engine.url, key_sealed=seal(key))))
        assert key not in failed.value.sentence
