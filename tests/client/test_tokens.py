"""Tokens in place of the key: at the server itself, and with a script where something goes wrong."""

from __future__ import annotations

import httpx
import pytest
from ragsite_client import AnswerCreated, Client, ProblemError, tokens

from ragsite.gateway.keys import api_key_revoke
from ragsite.gateway.models import ApiKey, TokenFamily
from tests import factories as make
from tests.acting import ACTOR
from tests.client.serving import HOST, Script, Views, reply, sent, streamed


class Server(Views):
    """The views, which remember what was sent with which bearer."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append((request.url.path, request.headers["Authorization"].removeprefix("Bearer ")))
        return super().handle_request(request)

    def paths(self) -> list[str]:
        return [path.removeprefix("/api/v1") for path, _ in self.sent]


@pytest.mark.django_db
def test_the_key_is_shown_once_and_tokens_are_renewed_before_they_end(monkeypatch: pytest.MonkeyPatch) -> None:
    base, server, now = make.knowledge_base(), Server(), [1000.0]
    monkeypatch.setattr(tokens.time, "monotonic", lambda: now[0])
    key = make.api_key(base.tenant)
    client = Client(HOST, key, tokens=True, transport=server)
    for _ in range(2):
        assert [one.id for one in client.knowledge_bases()] == [str(base.pk)]
    now[0] += 575  # an access token is valid for 600 s
    client.knowledge_bases()
    assert server.paths() == [
        "/tokens/", "/knowledge-bases/", "/knowledge-bases/", "/tokens/refresh/", "/knowledge-bases/",
    ]  # fmt: skip
    assert [bearer == key for _, bearer in server.sent] == [True, False, False, False, False]
    now[0] += 100_000
    client.knowledge_bases()
    assert server.paths()[-2:] == ["/tokens/", "/knowledge-bases/"]


@pytest.mark.django_db
def test_after_its_tokens_were_ended_it_begins_anew_with_the_key_and_a_refused_key_is_a_problem() -> None:
    base, server = make.knowledge_base(), Server()
    client = Client(HOST, make.api_key(base.tenant), tokens=True, transport=server)
    client.knowledge_bases()
    TokenFamily.objects.all().delete()
    with pytest.raises(ProblemError, match="not valid"):
        client.knowledge_bases()
    assert len(client.knowledge_bases()) == 1
    api_key_revoke(key=ApiKey.objects.get(), actor=ACTOR)
    with pytest.raises(ProblemError):
        client.knowledge_bases()
    with pytest.raises(ProblemError, match="unknown, expired or revoked"):
        client.knowledge_bases()


def test_a_streamed_answer_is_not_read_before_its_events_are_asked_for() -> None:
    pair = {"access_token": "a", "expires_in": 600, "refresh_token": "r", "refresh_expires_in": 6000}
    stream = streamed(sent(1, "response.created", {"id": "a1", "question": "When?"}), breaks=True)
    script = Script(reply(pair), stream)
    assert isinstance(next(script.client(tokens=True).ask_stream("When?")), AnswerCreated)
    assert [one.headers["Authorization"] for one in script.asked] == ["Bearer rag_key", "Bearer a"]
