"""A document's tags: short words of its owners' choice, by which searches are filtered. Pure."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable
from contextlib import suppress

from ragsite.core.errors import PermanentError

LONGEST = 60
MOST = 50


class InvalidTagsError(PermanentError):
    """Tags that a document can't have; seen by those who give them."""

    code = "invalid_tags"
    action = f"Give at most {MOST} tags, each a text of 1 to {LONGEST} characters without commas and line breaks."


def tags_cleaned(tags: Iterable[object]) -> list[str]:
    """The tags as they are kept: without surrounding blanks, in Unicode's composed form, sorted, each once.

    Capitals count: "Draft" and "draft" are two tags.

    Raises:
        InvalidTagsError: there are too many, or one is no text, empty, too long, or has a comma or control character.
    """
    kept = sorted({_cleaned(tag) for tag in tags})
    if len(kept) > MOST:
        raise InvalidTagsError(f"{len(kept)} tags are too many.")
    return kept


def tags_read(text: str) -> list[str]:
    """The tags of a text that separates them by commas, as forms and commands have it, or is a JSON list of them.

    Raises:
        InvalidTagsError: as `tags_cleaned`.
    """
    return tags_cleaned(_listed(text))


def _listed(text: str) -> list[object]:
    if text.lstrip().startswith("["):
        with suppress(ValueError):
            return list(json.loads(text))
    return [part for part in text.split(",") if part.strip()]


def _cleaned(tag: object) -> str:
    if not isinstance(tag, str):
        raise InvalidTagsError(f"The tag {tag!r} is not a text.")
    cleaned = unicodedata.normalize("NFC", tag).strip()
    if not 0 < len(cleaned) <= LONGEST or any(_is_odd(sign) for sign in cleaned):
        raise InvalidTagsError(f"The tag {tag[: LONGEST + 20]!r} is invalid.")
    return cleaned


def _is_odd(sign: str) -> bool:
    return sign == "," or unicodedata.category(sign) in {"Cc", "Cs", "Zl", "Zp"}
