"""Questions over HTTP whose answers may be kept, and what of two answers is to be the same."""

from __future__ import annotations

from typing import Any

from django.test import Client

ASK = "/api/v1/ask"
QUESTION = "How many berths for guests has the harbour?"
LIFE_OF_ITS_OWN = ("id", "cached", "created_at", "milliseconds", "timeline")


def ask(client: Client, **body: Any) -> Any:
    response = client.post(ASK, {"question": QUESTION} | body, content_type="application/json")
    assert response.status_code == 200, response.content
    return response.json()


def without(answer: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name not in names}


def is_hit(answer: dict[str, Any]) -> bool:
    return answer["cached"] is not None


def told(answer: dict[str, Any]) -> dict[str, Any]:
    """What an answer says, whichever row it is kept in."""
    citations = [without(one, "id") for one in answer["citations"]]
    sentences = [without(one, "citations") for one in answer["sentences"]]
    return without(answer, *LIFE_OF_ITS_OWN, "indexing") | {"citations": citations, "sentences": sentences}
