"""Reads PDFs that are drawn for a test."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from apps.documents.parsing.types import DocumentType, ParsedDocument
from tests.apps.documents.parsing.pdf.drawing import pdf_of


@pytest.fixture
def parsed(parse_bytes: Callable[..., ParsedDocument]) -> Callable[..., ParsedDocument]:
    """What is read of a PDF with these pages, each drawn by a function."""
    return lambda *pages: parse_bytes(DocumentType.PDF, pdf_of(*pages))


@pytest.fixture
def read(parsed: Callable[..., ParsedDocument]) -> Callable[..., str]:
    return lambda *pages: parsed(*pages).text
