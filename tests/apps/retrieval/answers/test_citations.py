from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from apps.documents.models import ParsedText
from apps.retrieval.answers.citations import citations_verify, source_stands, span_text
from apps.retrieval.answers.types import Claim, Draft, Source
from apps.retrieval.pipeline import search
from apps.retrieval.search.request import SearchRequest
from tests import factories as make

pytestmark = pytest.mark.django_db

TEXT = "Whales 🐋 pass the pier in May.\n\nThe harbour has 42 berths — für Gäste.\n"


@pytest.fixture
def source() -> Source:
    """A quote that stands where it says, behind a character outside the basic plane."""
    base = make.knowledge_base()
    version = make.ready_version(base, TEXT, filename="a.txt")
    (passage,) = search(SearchRequest("berths", top_k=1), scope=make.scope(base), deadline=make.soon()).passages
    quote = "The harbour has 42 berths — für Gäste."
    start = version.parsed.text.index(quote)
    return Source(passage, start, start + len(quote), quote, 0.9)


def draft(*claims: tuple[Source, ...]) -> Draft:
    return Draft("test", tuple(Claim(f"Claim {n}", sources, supported=True) for n, sources in enumerate(claims)))


def tampered(source: Source) -> dict[str, Source]:
    return {
        "quote": replace(source, quote=source.quote.replace("42", "43")),
        "case of the quote": replace(source, quote=source.quote.upper()),
        "start": replace(source, start=source.start + 1),
        "end": replace(source, end=source.end - 1),
        "span moved": replace(source, start=source.start - 2, end=source.end - 2),
        "beyond the text": replace(source, start=10_000, end=10_000 + len(source.quote)),
        "version": replace(source, passage=replace(source.passage, version_id=uuid4())),
    }


def test_what_stands_where_it_says_is_kept_as_it_is(source: Source) -> None:
    honest = draft((source,))
    assert source_stands(source)
    assert citations_verify(honest) == honest


@pytest.mark.parametrize(
    "how", ["quote", "case of the quote", "start", "end", "span moved", "beyond the text", "version"]
)
def test_a_source_that_was_tampered_with_is_dropped_and_its_claim_with_it(source: Source, how: str) -> None:
    wrong = tampered(source)[how]
    assert not source_stands(wrong)
    assert citations_verify(draft((wrong,))).claims == ()


def test_a_claim_stays_with_the_sources_that_stand(source: Source) -> None:
    wrong = tampered(source)["quote"]
    checked = citations_verify(draft((wrong, source), (wrong,), (source,)))
    assert [(claim.text, claim.sources) for claim in checked.claims] == [
        ("Claim 0", (source,)),
        ("Claim 2", (source,)),
    ]


def test_spans_count_characters_and_not_bytes(source: Source) -> None:
    assert span_text(source.passage.version_id, 7, 8) == "🐋"
    assert span_text(uuid4(), 0, 5) is None


def test_a_text_that_changed_after_the_search_is_not_cited(source: Source) -> None:
    ParsedText.objects.update(text=TEXT.replace("42", "17"))
    assert citations_verify(draft((source,))).claims == ()
