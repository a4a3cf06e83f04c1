"""Models that servers run: what is sent to them, what comes back, and every way in which it can go wrong."""

from __future__ import annotations

import gc
import json
from contextlib import ExitStack
from typing import Any

import pytest

from apps.models.errors import DeadlineExceededError
from apps.models.gateway import Deadline, ModelCall, Purpose, generate
from apps.models.gateway.calls import transport_of
from apps.models.generation import (
    STILL_AT_IT,
    Conversation,
    Finish,
    GeneratedText,
    GenerationEnd,
)
from ragsite.core.audience import Client, ClientLeft, working_for
from ragsite.core.errors import ModelNotFoundError, ModelUnavailableError, PermanentError, RagError
from ragsite.core.sealing import seal
from tests.apps.models.gateway.at_servers import ASKED, Write, data, model_at, text_of
from tests.model_server import (
    KEY,
    MODEL,
    USAGE,
    WAIT,
    Behaviour,
    ModelServer,
    hangs,
    model_server,
    piece,
    refuses,
    streams,
)


def test_a_text_comes_piece_by_piece_with_its_end_and_its_usage(write: Write) -> None:
    pieces = list(write())
    assert text_of(iter(pieces)) == "The harbour has berths."
    assert len([one for one in pieces if isinstance(one, GeneratedText) and one.text]) == 4
    assert pieces[-1] == GenerationEnd(Finish.STOP, 6, 4)


def test_the_server_is_told_the_conversation_and_the_options_and_nothing_more(
    write: Write, engine: ModelServer
) -> None:
    list(write(max_tokens=9))
    list(write(temperature=0.7, top_p=0.9, seed=4, stop=("END",)))
    first, second = engine.asked()
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Has the harbour berths?"}]
    always = {"model": MODEL, "messages": messages, "stream": True, "stream_options": {"include_usage": True}}
    assert first == always | {"temperature": 0.0, "max_tokens": 9}
    assert second == always | {"temperature": 0.7, "top_p": 0.9, "seed": 4, "stop": ["END"]}
    assert "authorization" not in engine.seen[0].headers


def test_the_key_goes_to_the_server_and_is_read_when_it_is_sent(
    write: Write, engine: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(write(model=model_at(engine.url, key_sealed=seal(KEY))))
    monkeypatch.setenv("HARBOUR_API_KEY", "from the environment")
    list(write(model=model_at(engine.url, key_env="HARBOUR_API_KEY")))
    sent = [one.headers["authorization"] for one in engine.seen]
    assert sent == [f"Bearer {KEY}", "Bearer from the environment"]


@pytest.mark.parametrize(
    ("parts", "finish"),
    [
        ([data(piece("a"), piece("b", "length"), USAGE, "[DONE]")], Finish.LENGTH),
        ([data(piece("a"), piece("b", "eos"), "[DONE]")], Finish.STOP),
        ([f"data:{json.dumps(piece('a'))}\ndata:{json.dumps(piece('b', 'stop'))}\ndata:[DONE]\n"], Finish.STOP),
        ([": still here\n\n", "event: message\r\n", data(piece("a"), piece("b", "stop")).replace("\n", "\r\n")], Finish.STOP),
        ([bytes([byte]) for byte in data(piece("a"), piece("b", "stop")).encode()], Finish.STOP),
        ([data(piece("a"), piece("b", "stop")).rstrip()], Finish.STOP),
        ([data({"choices": [{"delta": {"reasoning_content": "hm"}}]}, piece("a"), piece("b", "stop"))], Finish.STOP),
        ([data({"choices": [{"delta": None}]}, {"choices": None}, piece("ab", "stop"))], Finish.STOP),
    ],
    ids=["usage", "no usage", "no blanks", "comments", "bytes", "no last end", "thoughts", "holes"],
)  # fmt: skip
def test_streams_are_read_as_servers_write_them(
    write: Write, engine: ModelServer, parts: list[str | bytes], finish: Finish
) -> None:
    engine.then(streams(*parts))
    pieces = list(write())
    assert text_of(iter(pieces)) == "ab"
    assert isinstance(pieces[-1], GenerationEnd)
    assert pieces[-1].finish == finish


def test_letters_of_several_bytes_may_lie_in_several_parts(write: Write, engine: ModelServer) -> None:
    raw = data(piece("東京"), piece("", "stop")).encode("utf-8").replace(rb"\u6771\u4eac", "東京".encode())
    at = raw.index("東".encode()) + 1
    engine.then(streams(raw[:at], raw[at:]))
    assert text_of(write()) == "東京"


def test_a_server_that_does_not_stream_answers_too(write: Write, engine: ModelServer) -> None:
    whole = {"choices": [{"message": {"content": "All."}, "finish_reason": "length"}], "usage": {"prompt_tokens": 2}}
    engine.then(lambda http, _: http.json(whole))
    assert list(write()) == [GeneratedText("All."), GenerationEnd(Finish.LENGTH, 2, 0)]


def test_a_comment_says_that_the_server_is_at_it_and_the_gateway_keeps_it_to_itself(engine: ModelServer) -> None:
    engine.then(streams(": wait\n\n", data(piece("x", "stop"))))
    model = model_at(engine.url)
    call = ModelCall(model, Conversation(ASKED), Purpose.ANSWER, Deadline.after(WAIT))
    engine.then(streams(": wait\n\n", data(piece("x", "stop"))))
    assert next(transport_of(call).stream(call)) == STILL_AT_IT
    told = list(generate(ASKED, model=model, purpose=Purpose.ANSWER, deadline=Deadline.after(WAIT)))
    assert told == [GeneratedText("x"), GenerationEnd(Finish.STOP, 0, 0)]


VLLM_LONG = {"object": "error", "message": "This model's maximum context length is 4096 tokens.", "code": 400}
LLAMA_LONG = {"error": {"code": 400, "message": "request (9 tokens) is too large", "type": "exceed_context_size_error"}}
TEI_LONG = {"error": "Input validation error: `inputs` must have less than 512 tokens. Given: 600"}
OPENAI_LONG = {"error": {"message": "too much", "code": "context_length_exceeded"}}
OLLAMA_UNKNOWN = {"error": {"message": 'model "x" not found, try pulling it first', "type": "api_error"}}
VLLM_UNKNOWN = {"object": "error", "message": "The model `x` does not exist.", "type": "NotFoundError", "code": 404}
WAIT_3 = {"Retry_After": "3"}
A_DATE = {"Retry_After": "Fri, 31 Dec 1999 23:59:59 GMT"}

REFUSALS: list[tuple[Behaviour, str, type[RagError], float | None]] = [
    (refuses(401, {"error": {"message": "bad key"}}), "model_key_refused", PermanentError, None),
    (refuses(403, "no"), "model_key_refused", PermanentError, None),
    (refuses(404, OLLAMA_UNKNOWN), "model_not_found", ModelNotFoundError, None),
    (refuses(404, VLLM_UNKNOWN), "model_not_found", ModelNotFoundError, None),
    (refuses(404, {"detail": "Not Found"}), "model_server_refused", PermanentError, None),
    (refuses(307, "", Location="http://127.0.0.1:1/"), "model_server_refused", PermanentError, None),
    (refuses(400, {"error": {"message": "top_p is no number"}}), "model_server_refused", PermanentError, None),
    (refuses(400, VLLM_LONG), "context_too_long", PermanentError, None),
    (refuses(400, LLAMA_LONG), "context_too_long", PermanentError, None),
    (refuses(413, TEI_LONG), "context_too_long", PermanentError, None),
    (refuses(400, OPENAI_LONG), "context_too_long", PermanentError, None),
    (refuses(500, {"error": {"message": "Context size has been exceeded."}}), "context_too_long", PermanentError, None),
    (refuses(429, "slow down", **WAIT_3), "model_server_busy", ModelUnavailableError, 3.0),
    (refuses(429, "slow down", **A_DATE), "model_server_busy", ModelUnavailableError, 1.0),
    (refuses(503, "full", **WAIT_3), "model_server_busy", ModelUnavailableError, 3.0),
    (refuses(503, {"error": {"message": "Loading model"}}), "model_loading", ModelUnavailableError, 1.0),
    (refuses(500, "boom"), "model_server_failed", ModelUnavailableError, None),
    (refuses(502, "boom"), "model_server_failed", ModelUnavailableError, None),
    (lambda http, _: http.text("<html>Hello</html>"), "invalid_reply", ModelUnavailableError, None),
    (lambda http, _: http.json([1]), "invalid_reply", ModelUnavailableError, None),
    (lambda http, _: http.json({"choices": []}), "invalid_reply", ModelUnavailableError, None),
    (streams("data: {half\n\n"), "invalid_reply", ModelUnavailableError, None),
    (streams("data: 7\n\n"), "invalid_reply", ModelUnavailableError, None),
    (streams("data: " + "x" * (1024 * 1024 + 1)), "invalid_reply", ModelUnavailableError, None),
    (streams(data({"error": {"message": "CUDA out of memory"}})), "model_server_failed", ModelUnavailableError, None),
    (streams(data({"error": "it broke"})), "model_server_failed", ModelUnavailableError, None),
    (streams(data({"error": {"code": 429, "message": "later"}})), "model_server_busy", ModelUnavailableError, 1.0),
    (streams(data(LLAMA_LONG)), "context_too_long", PermanentError, None),
    (streams(data(piece("a", "abort"))), "model_server_lost", ModelUnavailableError, None),
    (streams(data(piece("a", 7))), "model_server_lost", ModelUnavailableError, None),
    (streams(data(piece("a", ["stop"]))), "model_server_lost", ModelUnavailableError, None),
    (refuses(500, "[" * 60_000), "model_server_failed", ModelUnavailableError, None),
    (refuses(429, "later", **{"Retry-After": "nan"}), "model_server_busy", ModelUnavailableError, 1.0),
    (streams(data({"choices": [7], "usage": 7}, {"choices": 7}, {"choices": [{"finish_reason": {}}]})), "model_server_lost",
     ModelUnavailableError, None),
    (streams(data(piece("a"))), "model_server_lost", ModelUnavailableError, None),
    (streams(data(piece("a"), "[DONE]")), "model_server_lost", ModelUnavailableError, None),
    (streams(data(piece("a")), cut=True), "model_server_lost", ModelUnavailableError, 1.0),
    (lambda http, _: http.cut(), "model_server_unreachable", ModelUnavailableError, 2.0),
]  # fmt: skip


@pytest.mark.parametrize(("behaviour", "code", "kind", "retry_after"), REFUSALS)
def test_every_failure_is_an_error_in_words_with_a_code_and_an_action(
    write: Write, engine: ModelServer, behaviour: Behaviour, code: str, kind: type[RagError], retry_after: float | None
) -> None:
    engine.then(behaviour)
    with pytest.raises(RagError) as failed:
        list(write())
    error = failed.value
    assert (error.error_code, error.retry_after) == (code, retry_after), error.sentence
    assert isinstance(error, kind)
    assert engine.url in error.message
    assert error.error_action


def test_an_error_in_the_middle_comes_after_what_was_written(write: Write, engine: ModelServer) -> None:
    engine.then(streams(data(piece("The harbour"), {"error": {"message": "CUDA error", "code": 500}})))
    pieces = write()
    assert next(pieces) == GeneratedText("The harbour")
    with pytest.raises(ModelUnavailableError, match="CUDA error"):
        list(pieces)


def test_nobody_there_is_an_error_that_names_the_address(write: Write) -> None:
    with model_server() as gone:
        url = gone.url
    with pytest.raises(ModelUnavailableError, match=url) as failed:
        list(write(url))
    assert failed.value.error_code == "model_server_unreachable"


def test_a_name_that_leads_to_a_clouds_own_address_is_not_connected_to(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = [(2, 1, 6, "", ("169.254.169.254", 80))]
    monkeypatch.setattr("apps.models.servers.network.socket.getaddrinfo", lambda *_, **__: told)
    with pytest.raises(PermanentError, match=r"169\.254\.169\.254") as refused:
        list(write("http://innocent.example/v1"))
    assert refused.value.error_code == "model_server_refused"


def test_a_connection_that_the_server_closed_meanwhile_is_made_again(write: Write, engine: ModelServer) -> None:
    whole = {"choices": [{"message": {"content": "first"}, "finish_reason": "stop"}]}
    # The second request comes by the connection that was kept, and is not answered there.
    engine.then(lambda http, _: http.json(whole), lambda http, _: http.cut())
    assert text_of(write()) == "first"
    assert text_of(write()) == "The harbour has berths."
    assert len(engine.asked()) == 3


@pytest.mark.parametrize("begun", [True, False], ids=["in the middle", "before the first piece"])
def test_a_server_that_hangs_is_left_at_the_deadline(write: Write, engine: ModelServer, begun: bool) -> None:
    engine.then(hangs(data(piece("a"))) if begun else hangs())
    with pytest.raises(DeadlineExceededError, match=engine.url):
        list(write(seconds=0.3))
    assert engine.left.wait(WAIT), "the connection is closed"


def test_a_server_that_drips_is_left_at_the_deadline(write: Write, engine: ModelServer) -> None:
    def drips(http: Any, _: Any) -> None:
        http.stream()
        while not engine.left.wait(0.01):
            http.part(": x\n\n")

    engine.then(drips)
    with pytest.raises(DeadlineExceededError):
        list(write(seconds=0.3))
    assert engine.left.wait(WAIT)


def test_a_call_after_its_deadline_asks_nobody(write: Write, engine: ModelServer) -> None:
    with pytest.raises(DeadlineExceededError):
        next(write(seconds=-1))
    assert engine.seen == []


def test_closing_the_pieces_closes_the_connection_so_that_the_server_stops(write: Write, engine: ModelServer) -> None:
    engine.then(hangs(data(piece("a"))))
    pieces = write()
    assert next(pieces) == GeneratedText("a")
    assert not engine.left.is_set()
    pieces.close()  # type: ignore[attr-defined]
    assert engine.left.wait(WAIT)


def test_a_client_that_leaves_while_the_server_thinks_frees_it(write: Write, engine: ModelServer) -> None:
    client = Client()

    def thinks(http: Any, _: Any) -> None:
        client.has_left = True
        http.wait_until_left()

    engine.then(thinks)
    with working_for(client), pytest.raises(ClientLeft):
        list(write())
    assert engine.left.wait(WAIT)


def test_another_server_answers_where_one_fails_before_its_first_piece(write: Write, engine: ModelServer) -> None:
    with model_server() as other:
        other.always(refuses(500, "boom"))
        both = [other.url, engine.url]
        assert {text_of(write(*both)) for _ in range(4)} == {"The harbour has berths."}
        assert len(other.asked()) == 1, "it is left alone"


@pytest.mark.parametrize("list_fails", [False, True])
def test_a_server_that_rested_is_looked_at_and_asked_again(
    write: Write, engine: ModelServer, monkeypatch: pytest.MonkeyPatch, list_fails: bool
) -> None:
    monkeypatch.setattr("apps.models.servers.pool.REST_SECONDS", 0.0)
    with model_server() as other:
        other.list_fails = list_fails
        other.then(refuses(500, "boom"))
        model = model_at(other.url, engine.url)
        assert [text_of(write(model=model)) for _ in range(3)] == ["The harbour has berths."] * 3
        assert [one.path for one in other.seen].count("/v1/models") == 1
        assert len(other.asked()) == 2, "again after it was looked at"


def test_no_other_server_is_asked_after_the_first_piece(write: Write, engine: ModelServer) -> None:
    with model_server() as other:
        for one in (engine, other):
            one.then(streams(data(piece("half")), cut=True))
        pieces = write(engine.url, other.url)
        next(pieces)
        with pytest.raises(ModelUnavailableError):
            list(pieces)
        assert len(engine.asked()) + len(other.asked()) == 1


def test_what_a_server_refuses_for_good_no_other_one_is_asked_for(write: Write, engine: ModelServer) -> None:
    with model_server() as other:
        for one in (engine, other):
            one.always(refuses(400, OPENAI_LONG))
        with pytest.raises(PermanentError):
            list(write(engine.url, other.url))
        assert len(engine.asked()) + len(other.asked()) == 1


def test_the_server_that_has_less_to_do_is_asked(write: Write, engine: ModelServer) -> None:
    with model_server() as other, ExitStack() as open_streams:
        engine.always(hangs(data(piece("a"))))
        other.always(hangs(data(piece("a"))))
        model = model_at(engine.url, other.url)
        for _ in range(4):
            pieces = write(model=model)
            next(pieces)
            open_streams.callback(pieces.close)  # type: ignore[attr-defined]
        assert (len(engine.asked()), len(other.asked())) == (2, 2)


def test_after_repeated_failures_nobody_is_asked_for_a_while(write: Write, engine: ModelServer) -> None:
    engine.always(refuses(500, "boom"))
    model = model_at(engine.url)
    codes = []
    for _ in range(7):
        with pytest.raises(ModelUnavailableError) as failed:
            list(write(model=model))
        codes.append(failed.value.error_code)
    assert codes == ["model_server_failed"] * 5 + ["circuit_open"] * 2
    assert failed.value.retry_after


def test_a_busy_server_is_asked_again_however_often_it_said_so(write: Write, engine: ModelServer) -> None:
    engine.then(*[refuses(429, "busy")] * 6)
    model = model_at(engine.url)
    for _ in range(6):
        with pytest.raises(ModelUnavailableError):
            list(write(model=model))
    assert text_of(write(model=model)) == "The harbour has berths."


def test_a_stream_that_is_dropped_frees_the_server(write: Write, engine: ModelServer) -> None:
    engine.then(hangs(data(piece("a"))))
    pieces = write()
    next(pieces)
    del pieces
    gc.collect()
    assert engine.left.wait(WAIT)
