from __future__ import annotations

import json

import pytest

from apps.retrieval.streaming.events import EventName, StreamEvent
from tests.apps.retrieval.streaming.reading import events_read


def test_an_event_has_its_name_its_number_and_its_data_on_one_line() -> None:
    event = StreamEvent(3, EventName.DELTA, '{"text": "Yes."}')
    assert event.sent() == 'event: response.output_text.delta\nid: 3\ndata: {"text": "Yes."}\n\n'


@pytest.mark.parametrize("sign", ["\n", "\r", "\u2028", "\u2029", "\u0085"])
def test_what_ends_a_line_for_some_reader_ends_none_in_an_event(sign: str) -> None:
    sent = StreamEvent(1, EventName.DELTA, json.dumps({"text": f"a{sign}b"}, ensure_ascii=False)).sent()
    assert len(sent.splitlines()) == 4
    assert events_read(sent)[0].data == {"text": f"a{sign}b"}
