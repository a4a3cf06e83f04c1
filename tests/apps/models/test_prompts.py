from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apps.models.checkpoint import checkpoint_read
from apps.models.errors import UnsupportedModelError
from apps.models.prompts import LONGEST, NO_PROMPTS, Prompts, prompt_room, prompts_of_family, prompts_stated

PASSAGES_FOR = "Represent this sentence for searching relevant passages: "


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({"query": "q: ", "document": "d: "}, Prompts("q: ", "d: ")),
        ({"query": "q: ", "passage": "p: "}, Prompts("q: ", "p: ")),
        ({"query": "q: ", "document": "", "passage": "p: "}, Prompts("q: ", "p: ")),
        ({"corpus": "c: ", "passage": "p: "}, Prompts("", "p: ")),
        ({"query": "q: "}, Prompts("q: ", "")),
        ({"query": "", "document": ""}, None),
        ({"classification": "class: "}, None),
        ({}, None),
        (None, None),
    ],
    ids=str,
)
def test_each_role_gets_the_first_prompt_that_is_named_for_it(named: Any, expected: Prompts | None) -> None:
    assert prompts_stated({"prompts": named, "default_prompt_name": "classification"}) == expected


@pytest.mark.parametrize("prompts", [["query: "], {"query": 5}, {"document": "x" * (LONGEST + 1)}], ids=lambda _: "")
def test_prompts_that_are_no_short_texts_are_refused(prompts: Any) -> None:
    with pytest.raises(UnsupportedModelError):
        prompts_stated({"prompts": prompts})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("intfloat/multilingual-e5-small", Prompts("query: ", "passage: ")),
        ("e5-base-v2", Prompts("query: ", "passage: ")),
        ("models--intfloat--e5-large", Prompts("query: ", "passage: ")),
        ("BAAI/bge-small-en-v1.5", Prompts(PASSAGES_FOR)),
        ("BAAI/bge-m3", NO_PROMPTS),
        ("nomic-ai/nomic-embed-text-v1.5", Prompts("search_query: ", "search_document: ")),
        ("snowflake/snowflake-arctic-embed-m-v1.5", Prompts(PASSAGES_FOR)),
        ("Snowflake/snowflake-arctic-embed-l-v2.0", Prompts("query: ")),
        ("mixedbread-ai/mxbai-embed-large-v1", Prompts(PASSAGES_FOR)),
        ("google/embeddinggemma-300m", Prompts("task: search result | query: ", "title: none | text: ")),
        ("sentence-transformers/all-MiniLM-L6-v2", NO_PROMPTS),
        ("acme/made5-base", NO_PROMPTS),
        ("thenlper/gte-base", NO_PROMPTS),
    ],
)
def test_a_family_is_known_by_its_name(name: str, expected: Prompts) -> None:
    assert prompts_of_family(["snapshot", name], model_type="bert") == expected


def test_an_e5_that_takes_instructions_has_those_of_its_own() -> None:
    prompts = prompts_of_family(["intfloat/multilingual-e5-large-instruct"], model_type="xlm-roberta")

    assert prompts.query.startswith("Instruct: ")
    assert prompts.query.endswith("\nQuery: ")
    assert prompts.document == ""


def test_a_family_without_a_name_is_known_by_its_architecture() -> None:
    assert prompts_of_family(["mine"], model_type="nomic_bert") == Prompts("search_query: ", "search_document: ")


def test_a_checkpoint_says_what_its_files_name_and_whether_a_prompt_is_pooled(
    make_checkpoint: Callable[..., Path],
) -> None:
    path = make_checkpoint()
    assert (checkpoint_read(path).prompts, pools_prompt(path)) == (None, True)

    stated = {"prompts": {"query": "q: ", "passage": "p: "}}
    (path / "config_sentence_transformers.json").write_text(json.dumps(stated), encoding="utf-8")
    pooling = json.loads((path / "1_Pooling" / "config.json").read_text())
    (path / "1_Pooling" / "config.json").write_text(json.dumps(pooling | {"include_prompt": False}), encoding="utf-8")

    assert (checkpoint_read(path).prompts, pools_prompt(path)) == (Prompts("q: ", "p: "), False)


def pools_prompt(path: Path) -> bool | None:
    modules = checkpoint_read(path).modules
    return modules.pools_prompt if modules else None


@pytest.mark.parametrize(
    ("prompt", "room"), [("", 0), ("passage: ", 5), ("title: none | text: ", 10), ("检索相关文章：", 7)]
)
def test_the_room_for_a_prompt_grows_with_its_words(prompt: str, room: int) -> None:
    assert prompt_room(prompt) == room
