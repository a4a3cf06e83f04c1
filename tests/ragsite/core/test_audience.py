from __future__ import annotations

import pytest

from ragsite.core.audience import Client, ClientLeft, client_check, working_for


def test_work_goes_on_while_its_client_is_there_and_ends_once_it_has_left() -> None:
    client = Client()
    with working_for(client):
        client_check("the first step")
        client.has_left = True
        with pytest.raises(ClientLeft, match="before the second step"):
            client_check("the second step")


def test_work_that_is_for_no_client_goes_on() -> None:
    client = Client()
    client.has_left = True
    with working_for(client):
        pass
    client_check("anything")


def test_whoever_handles_errors_does_not_take_it_for_one() -> None:
    assert not issubclass(ClientLeft, Exception)
