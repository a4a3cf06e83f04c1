from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.models.servers.events import LONGEST_LINE, LineTooLongError, stream_events


@given(st.lists(st.text(max_size=20), max_size=8), st.sampled_from(["\n\n", "\r\n\r\n", "\n", "\r\n"]), st.data())
def test_events_are_the_same_however_they_are_divided(texts: list[str], end: str, draw: st.DataObject) -> None:
    told = [json.dumps({"text": text}, ensure_ascii=False) for text in texts]
    raw = "".join(f"data: {one}{end}" for one in told).encode("utf-8", "surrogatepass")
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(raw)), max_size=6)))
    parts = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    assert list(stream_events(parts)) == list(stream_events([raw]))
    assert len(list(stream_events(parts))) == len(told)


def test_comments_are_told_and_other_fields_are_not() -> None:
    raw = b": hello\nevent: x\nid: 4\nretry: 5\nnonsense\n\ndata: 1\n"
    assert list(stream_events([raw])) == [None, "1"]


def test_a_line_without_an_end_is_not_kept() -> None:
    with pytest.raises(LineTooLongError):
        list(stream_events(b"x" * 65536 for _ in range(LONGEST_LINE // 65536 + 1)))
