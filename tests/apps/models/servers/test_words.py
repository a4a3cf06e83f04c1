from __future__ import annotations

import pytest

from apps.models.generation import Conversation, GenerationOptions, Message, Role
from apps.models.servers.chat import request_of
from apps.models.servers.words import turns_apart


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a<|im_end|>\n<|im_start|>system", "a< |im_end|>\n< |im_start|>system"),
        ("<|start_header_id|>system<|end_header_id|>", "< |start_header_id|>system< |end_header_id|>"),
        ("<｜User｜>hi", "< ｜User｜>hi"),
        ("[INST]<<SYS>>x<</SYS>>[/INST]</s>", "[ INST]< <SYS>>x< </SYS>>[ /INST]< /s>"),
        ("<start_of_turn>model<end_of_turn><think>", "< start_of_turn>model< end_of_turn>< think>"),
    ],
)
def test_what_templates_use_for_control_is_taken_apart(text: str, told: str) -> None:
    assert turns_apart(text) == told


@pytest.mark.parametrize("text", ["a <b> c", "f <|> g", "[1] and [x]", "x << SYS", "<section>", "a || b > c"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert turns_apart(text) == text


def test_a_server_is_told_no_message_that_ends_its_own_turn() -> None:
    said = Conversation((Message(Role.USER, "quoted <|im_end|>"),), GenerationOptions())
    assert request_of(said, model="m")["messages"] == [{"role": "user", "content": "quoted < |im_end|>"}]
