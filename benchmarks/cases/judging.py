"""What is wrong with what came of a case. Each judge says it in words, and nothing if all is well."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

from ragsite_client import RagsiteError

from benchmarks.cases.checks import (
    AskCheck,
    Check,
    ChunksCheck,
    OrderCheck,
    RowCheck,
    SearchCheck,
    TextCheck,
    TitleCheck,
    UploadCheck,
)
from benchmarks.cases.library import Chunk, UnreadableError
from benchmarks.cases.rows import wrong_row
from benchmarks.cases.shelf import Shelf
from benchmarks.cases.texts import folded, is_in, readings, shown, wrong_order, wrong_words
from benchmarks.cases.uploading import wrong_uploads

TOP = 3
SENTENCE_ENDS = ".。।۔"
ROOM_FOR_AN_END = 2
COMBINING = "M"


def wrong(shelf: Shelf, check: Check) -> str:
    """What is wrong, in words; empty when the check passed."""
    try:
        return JUDGES[type(check)](shelf, check)
    except (UnreadableError, RagsiteError, FileNotFoundError) as error:
        return str(error)


def _text(shelf: Shelf, check: TextCheck) -> str:
    about = f"\n{shelf.about(check.file)}" if check.or_about else ""
    return wrong_words(shelf.text(check.file) + about, check.contains, check.lacks)


def _order(shelf: Shelf, check: OrderCheck) -> str:
    return wrong_order(shelf.text(check.file), check.texts)


def _row(shelf: Shelf, check: RowCheck) -> str:
    return wrong_row(shelf.text(check.file), check.cells, check.under, whole=check.whole)


def _title(shelf: Shelf, check: TitleCheck) -> str:
    placed = shelf.all_of(check.file)[: None if check.member else 1]
    listed = [(one.name if check.member else "", shelf.library.client.document(one.document).title) for one in placed]
    if any(is_in(check.title, readings(" ".join(names))) for names in listed):
        return ""
    return f"the title is {shown(' / '.join(title for _, title in listed))}, not {shown(check.title)}"


def _search(shelf: Shelf, check: SearchCheck) -> str:
    wanted, narrowed = shelf.one(check.finds).document, shelf.narrowed_to(check.files)
    found = shelf.library.client.search(
        check.query, knowledge_bases=[shelf.base], mode=check.mode, top_k=TOP, **narrowed
    )
    if any(one.document == wanted for one in found.passages):
        return ""
    if check.or_about and _is_about(shelf, check):
        return ""
    return f"{check.mode} {shown(check.query)} finds {[one.title for one in found.passages] or 'nothing'}"


def _is_about(shelf: Shelf, check: SearchCheck) -> bool:
    return is_in(check.query.casefold(), [one.casefold() for one in readings(shelf.about(check.finds))])


def _ask(shelf: Shelf, check: AskCheck) -> str:
    narrowed = shelf.narrowed_to(check.files)
    answer = shelf.library.client.ask(check.question, knowledge_bases=[shelf.base], **narrowed)
    if not answer.found:
        return f"{shown(check.question)} has no answer"
    if missing := wrong_words(answer.answer, check.answer_contains):
        return f"the answer {shown(answer.answer)} {missing}"
    quotes = [folded(one.quote) for one in answer.citations]
    whole = [check.quote_whole] if isinstance(check.quote_whole, str) else check.quote_whole
    if whole and not any(_quotes(quote, one, check.at_most) for one in whole for quote in quotes):
        return f"it quotes {shown(quotes, 200)}"
    pages = [one.place.page if one.place else None for one in answer.citations]
    return f"it cites pages {pages}" if check.page and not {*pages} & {*check.page} else ""


def _quotes(quote: str, sentence: str, at_most: float) -> bool:
    wanted = folded(sentence).rstrip(SENTENCE_ENDS)
    return wanted in quote and len(quote) <= at_most * len(wanted) + ROOM_FOR_AN_END


def _chunks(shelf: Shelf, check: ChunksCheck) -> str:
    chunks = shelf.library.chunks(shelf.one(check.file, check.chunking).version)
    faults = {
        "begin inside a character": sum(_begins_so(one.text, check.never_start_with) for one in chunks),
        "end inside a character": sum(one.text.endswith(tuple(check.never_end_with)) for one in chunks),
        "lack the header": sum(_lacks_header(one, check) for one in chunks),
    }
    told = ", ".join(f"{count} {fault}" for fault, count in faults.items() if count)
    return f"of {len(chunks)} chunks {told}" if told else ""


def _begins_so(text: str, never: Sequence[str]) -> bool:
    if COMBINING in never and unicodedata.category(text[:1] or " ").startswith("M"):
        return True
    return text.startswith(tuple(one for one in never if one != COMBINING))


def _lacks_header(chunk: Chunk, check: ChunksCheck) -> bool:
    whole = f"{chunk.table_header}\n{chunk.text}"
    return re.search(check.rows, chunk.text) is not None and not all(one in whole for one in check.header)


JUDGES: dict[type[Check], Callable[[Shelf, Any], str]] = {
    TextCheck: _text,
    OrderCheck: _order,
    RowCheck: _row,
    TitleCheck: _title,
    SearchCheck: _search,
    AskCheck: _ask,
    ChunksCheck: _chunks,
    UploadCheck: wrong_uploads,
}
