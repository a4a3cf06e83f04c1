"""Text that grows token by token."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from apps.models.engine.generation.text import TextWriter


def decode(tokens: Sequence[int]) -> str:
    """Each token is a byte."""
    return bytes(tokens).decode("utf-8", errors="replace")


def pieces(text: str | bytes, *, stop: Sequence[str] = ()) -> tuple[list[str], TextWriter]:
    """What is given byte by byte, until it stops, and at the end."""
    writer = TextWriter(decode, stop=stop)
    given: list[str] = []
    for byte in text.encode() if isinstance(text, str) else text:
        given.append(writer.add(byte))
        if writer.is_stopped:
            break
    return [*given, writer.finish()], writer


@given(st.text(max_size=40))
def test_pieces_are_whole_characters_and_together_the_text(text: str) -> None:
    given, _ = pieces(text)
    assert "".join(given) == text
    assert all(set(piece) <= set(text) for piece in given)


def test_half_a_character_at_the_end_is_dropped() -> None:
    given, _ = pieces("5 €".encode()[:-1])
    assert "".join(given) == "5 "


def test_bytes_that_are_no_character_do_not_hold_back_what_follows() -> None:
    given, _ = pieces(b"\xff" * 20 + b" then words")
    assert "".join(given).endswith(" then words")


@given(st.text("ab€", max_size=30), st.lists(st.text("ab€", min_size=1, max_size=4), min_size=1, max_size=3))
def test_nothing_of_a_stop_string_is_ever_given(text: str, stop: list[str]) -> None:
    given, writer = pieces(text, stop=stop)

    ends = [text.find(one) for one in stop if one in text]
    # The one that is complete first ends the text, wherever it began; of those, the one that began first.
    first = min((text.find(one) + len(one) for one in stop if one in text), default=None)
    if first is None:
        assert ("".join(given), writer.is_stopped) == (text, False)
    else:
        began = min(text.find(one) for one in stop if one in text[:first])
        assert ("".join(given), writer.is_stopped) == (text[:began], True)
        assert ends


def test_what_only_looks_like_a_stop_string_is_given_when_it_turns_out_not_to_be_one() -> None:
    writer = TextWriter(decode, stop=["END"])
    assert [writer.add(byte) for byte in b"an ENd"] == ["a", "n", " ", "", "", "ENd"]
