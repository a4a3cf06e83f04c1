from __future__ import annotations

import pytest

from apps.models.gateway import Deadline, using_transport
from apps.retrieval.search import questions
from ragsite.core.audience import Client, ClientLeft, working_for
from tests.apps.models.gateway.test_transport import MODEL


@pytest.mark.parametrize("models", [1, 2])
def test_no_model_is_asked_for_a_client_that_left_however_many_there_are(models: int) -> None:
    client = Client()
    client.has_left = True
    ways = [questions._Way(MODEL, smaller=MODEL)] * models

    with using_transport("fake"), working_for(client), pytest.raises(ClientLeft):
        questions._asked("a question", ways, Deadline.after(5))
