from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from apps.documents.models import ParsedText
from apps.retrieval.answers.services import citations_verify, quotation_stands, span_text
from apps.retrieval.answers.types import Draft, DraftEnd, Judgement, Quotation, Statement, Verdict
from apps.retrieval.pipeline import retrieve
from apps.retrieval.search.request import SearchRequest
from tests import factories as make

pytestmark = pytest.mark.django_db

TEXT = "Whales 🐋 pass the pier in May.\n\nThe harbour has 42 berths — für Gäste.\n"


@pytest.fixture
def quotation() -> Quotation:
    """A quote that stands where it says, behind a character outside the basic plane."""
    base = make.knowledge_base()
    version = make.ready_version(base, TEXT, filename="a.txt")
    (passage,) = retrieve(SearchRequest("berths", top_k=1), scope=make.scope(base), deadline=make.soon()).passages
    quote = "The harbour has 42 berths — für Gäste."
    start = version.parsed.text.index(quote)
    return Quotation(passage, start, start + len(quote), quote, 0.9)


def draft(*quoted: tuple[Quotation, ...]) -> Draft:
    said = Judgement(Verdict.SUPPORTED)
    statements = (Statement(f"Statement {n}", quotations, said) for n, quotations in enumerate(quoted))
    return Draft(tuple(statements), DraftEnd("test"))


def tampered(quotation: Quotation) -> dict[str, Quotation]:
    return {
        "quote": replace(quotation, quote=quotation.quote.replace("42", "43")),
        "case of the quote": replace(quotation, quote=quotation.quote.upper()),
        "start": replace(quotation, start=quotation.start + 1),
        "end": replace(quotation, end=quotation.end - 1),
        "span moved": replace(quotation, start=quotation.start - 2, end=quotation.end - 2),
        "beyond the text": replace(quotation, start=10_000, end=10_000 + len(quotation.quote)),
        "version": replace(quotation, passage=replace(quotation.passage, version_id=uuid4())),
    }


def test_what_stands_where_it_says_is_kept_as_it_is(quotation: Quotation) -> None:
    honest = draft((quotation,))
    assert quotation_stands(quotation)
    assert citations_verify(honest) == honest


@pytest.mark.parametrize(
    "how", ["quote", "case of the quote", "start", "end", "span moved", "beyond the text", "version"]
)
def test_a_quotation_that_was_tampered_with_is_dropped_and_its_statement_with_it(
    quotation: Quotation, how: str
) -> None:
    wrong = tampered(quotation)[how]
    assert not quotation_stands(wrong)
    checked = citations_verify(draft((wrong,)))
    assert checked.shown == ()
    assert [(one.quotations, one.judgement.verdict) for one in checked.statements] == [((), Verdict.UNSUPPORTED)]


def test_a_statement_stays_with_the_quotations_that_stand(quotation: Quotation) -> None:
    wrong = tampered(quotation)["quote"]
    checked = citations_verify(draft((wrong, quotation), (wrong,), (quotation,)))
    assert [(statement.text, statement.quotations) for statement in checked.shown] == [
        ("Statement 0", (quotation,)),
        ("Statement 2", (quotation,)),
    ]


def test_spans_count_characters_and_not_bytes(quotation: Quotation) -> None:
    assert span_text(quotation.passage.version_id, 7, 8) == "🐋"
    assert span_text(uuid4(), 0, 5) is None


def test_a_text_that_changed_after_the_search_is_not_cited(quotation: Quotation) -> None:
    ParsedText.objects.update(text=TEXT.replace("42", "17"))
    assert citations_verify(draft((quotation,))).shown == ()
