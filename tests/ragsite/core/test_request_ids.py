from __future__ import annotations

import logging
from uuid import UUID

import pytest

from ragsite.core.request_ids import RequestIdFilter, in_request, request_id, request_id_from


@pytest.mark.parametrize("given", ["a", "0198a203-e599-7979-b251-3e6c4f661cc8", "job:7.step_2", "x" * 128])
def test_a_well_formed_id_is_taken(given: str) -> None:
    assert request_id_from(given) == given


@pytest.mark.parametrize(
    "given", ["", " ", "-a", "a b", "a\n", "a\r\nSet-Cookie: b=c", "ä", "<b>", "x" * 129, "a/b", 'a"b']
)
def test_any_other_is_replaced_by_a_new_one(given: str) -> None:
    made, other = request_id_from(given), request_id_from(given)
    assert made != other
    assert UUID(made).version == 7


def test_the_id_is_at_hand_within_the_request_and_ends_with_it() -> None:
    with pytest.raises(RuntimeError), in_request("r-1"):
        assert request_id() == "r-1"
        raise RuntimeError
    assert request_id() == ""


def test_log_lines_of_a_request_carry_its_id() -> None:
    handler = logging.Handler()
    handler.addFilter(RequestIdFilter())
    handler.setFormatter(logging.Formatter("%(name)s%(in_request)s: %(message)s"))

    def line() -> str:
        record = logging.LogRecord("gateway", logging.INFO, "", 0, "said", (), None)
        assert handler.filter(record)
        return handler.format(record)

    with in_request("r-1"):
        assert line() == "gateway [r-1]: said"
    assert line() == "gateway: said"
