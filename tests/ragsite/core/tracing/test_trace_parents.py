from __future__ import annotations

import pytest

from ragsite.core.actors import Actor
from ragsite.core.tracing.spans import trace_id, traceparent, under
from ragsite.core.tracing.trace_parents import TraceParent, trace_id_of

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GIVEN = f"00-{TRACE}-{SPAN}-01"


def test_a_place_in_a_trace_is_read_and_written_as_the_standard_has_it() -> None:
    assert TraceParent.read(GIVEN) == TraceParent(TRACE, SPAN, sampled=True)
    assert TraceParent(TRACE, SPAN, sampled=False).text == f"00-{TRACE}-{SPAN}-00"
    assert TraceParent.read(f"01-{TRACE}-{SPAN}-03-of a later version") == TraceParent(TRACE, SPAN)
    assert trace_id_of(GIVEN) == TRACE


@pytest.mark.parametrize(
    "text",
    [
        "", "x", TRACE, f"00-{TRACE}-{SPAN}", f"ff-{TRACE}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE.upper()}-{SPAN}-01", f"{GIVEN}-more", f"{GIVEN}\r\nSet-Cookie: a=b",
        "01-" + TRACE + "-" + SPAN + "-01-" + "x" * 600,
    ],
)  # fmt: skip
def test_what_is_not_of_the_form_names_no_trace(text: str) -> None:
    assert TraceParent.read(text) is None
    assert trace_id_of(text) == ""


def test_whoever_acts_within_a_callers_trace_is_kept_with_it() -> None:
    assert "traceparent" not in Actor.of_job("embed").as_dict()
    with under(GIVEN):
        assert (trace_id(), traceparent()) == (TRACE, GIVEN)
        kept = Actor.of_job("embed").as_dict()
    assert kept["traceparent"] == Actor.from_dict(kept).traceparent == GIVEN
    assert traceparent() == ""
