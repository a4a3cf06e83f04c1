"""What a model wants to read before a query and before a document. Needs neither torch nor transformers."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from apps.models.errors import UnsupportedModelError

LONGEST = 1000
"""Characters of a prompt. A longer one would leave little of the input to the text."""


class TextRole(enum.Enum):
    """What a text is to the search: it asks, or it is found."""

    QUERY = "query"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Prompts:
    """What stands before each text of a role, with its blank at the end if there is one; empty for nothing."""

    query: str = ""
    document: str = ""

    def of(self, role: TextRole) -> str:
        """What stands before texts of that role."""
        return self.query if role is TextRole.QUERY else self.document


NO_PROMPTS = Prompts()


@dataclass(frozen=True, slots=True)
class Family:
    """Models that were trained with prompts: by a part of their names, or the `model_type` of config.json."""

    named: re.Pattern[str] | None
    prompts: Prompts
    model_type: str | None = None

    def has(self, names: Iterable[str], model_type: str | None) -> bool:
        """Whether a checkpoint is one of them."""
        if self.named is None:
            return model_type == self.model_type
        return any(self.named.search(name) for name in names)


PASSAGES_FOR = "Represent this sentence for searching relevant passages: "
WEB_SEARCH = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery: "
SEARCH = Prompts("search_query: ", "search_document: ")


def _family(named: str, prompts: Prompts) -> Family:
    # A name is a hub id or a folder's: what is sought stands between separators.
    return Family(re.compile(rf"(?<![a-z0-9])(?:{named})(?![a-z0-9])", re.IGNORECASE), prompts)


FAMILIES: tuple[Family, ...] = (
    _family(r"e5-(?:large|mistral-7b)-instruct", Prompts(query=WEB_SEARCH)),
    _family(r"e5-(?:small|base|large)(?:-v2)?", Prompts("query: ", "passage: ")),
    _family(r"bge-(?:small|base|large)-en(?:-v1\.5)?", Prompts(query=PASSAGES_FOR)),
    _family(r"bge-(?:small|base|large)-zh(?:-v1\.5)?", Prompts(query="为这个句子生成表示以用于检索相关文章：")),
    _family(r"snowflake-arctic-embed-[a-z]+-v2\.0", Prompts(query="query: ")),
    _family(r"snowflake-arctic-embed-[a-z]+(?:-v1\.5|-long)?", Prompts(query=PASSAGES_FOR)),
    _family(r"(?:mxbai-embed|uae)-large(?:-v1)?", Prompts(query=PASSAGES_FOR)),
    _family(r"qwen3-embedding(?:-[0-9.]+b)?", Prompts(query=WEB_SEARCH.rstrip())),
    _family(r"embeddinggemma(?:-300m)?", Prompts("task: search result | query: ", "title: none | text: ")),
    _family(r"nomic-embed-text-v[12](?:\.5)?(?:-moe)?|modernbert-embed-(?:base|large)", SEARCH),
    Family(None, SEARCH, model_type="nomic_bert"),
)
"""The first that has a checkpoint gives its prompts, where its own files name none."""

_WORD = re.compile(r"\w+|[^\w\s]")

# As sentence-transformers' encode_query and encode_document look for them.
NAMES = {TextRole.QUERY: ("query",), TextRole.DOCUMENT: ("document", "passage", "corpus")}


def prompts_stated(config: Mapping[str, Any]) -> Prompts | None:
    """The prompts of a config_sentence_transformers.json; None where it has none for either role.

    Its `default_prompt_name` counts for neither: queries and documents have prompts of their own, or none.

    Raises:
        UnsupportedModelError: one is no text, or too long.
    """
    named = config.get("prompts") or {}
    if not isinstance(named, Mapping):
        raise UnsupportedModelError(f"The checkpoint's prompts are {str(named)[:80]!r}.", action="Give them by name.")
    query, document = (_first(named, NAMES[role]) for role in TextRole)
    return prompts_checked(Prompts(query, document)) if query or document else None


def prompts_of_family(names: Iterable[str], *, model_type: str | None) -> Prompts:
    """The prompts that a known family of models was trained with; none for others. `names` are what it is called."""
    called = list(names)
    return next((family.prompts for family in FAMILIES if family.has(called, model_type)), NO_PROMPTS)


def prompts_checked(prompts: Prompts) -> Prompts:
    """The prompts as they are.

    Raises:
        UnsupportedModelError: one is longer than LONGEST.
    """
    for role in TextRole:
        if len(prompt := prompts.of(role)) > LONGEST:
            raise UnsupportedModelError(
                f"The prompt for a {role.value} has {len(prompt)} characters, more than {LONGEST}: {prompt[:60]!r}…",
                action="Give a shorter one.",
            )
    return prompts


def prompt_room(prompt: str) -> int:
    """Tokens to set aside for a prompt where its tokenizer is not at hand: one for two letters, or for one that is not ASCII."""
    words = _WORD.findall(prompt)
    return sum((len(word) + 1) // 2 if word.isascii() else len(word) for word in words)


def _first(named: Mapping[str, Any], names: Iterable[str]) -> str:
    """The first prompt of these names that says something: saving a model again writes empty ones."""
    for name in names:
        if prompt := named.get(name):
            if not isinstance(prompt, str):
                raise UnsupportedModelError(
                    f"The checkpoint's prompt {name!r} is {str(prompt)[:80]!r}, which is no text.",
                    action="Write a text into config_sentence_transformers.json.",
                )
            return prompt
    return ""
