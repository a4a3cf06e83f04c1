import subprocess
import sys

import pytest

from apps.documents.parsing.registry import PARSERS, parser_for
from apps.documents.parsing.sniffing import EXTENSIONS
from apps.documents.parsing.types import DocumentType


@pytest.mark.parametrize("document_type", DocumentType)
def test_every_type_has_a_parser_that_says_it_reads_it(document_type):
    assert document_type in parser_for(document_type).types


def test_the_table_names_each_type_once():
    assert set(PARSERS) == set(DocumentType)


def test_every_type_has_an_extension_by_which_it_is_taken_in():
    assert set(EXTENSIONS.values()) == set(DocumentType)


def test_no_parser_loads_a_model_library():
    code = (
        "import sys; from apps.documents.parsing.registry import PARSERS, parser_for;"
        "[parser_for(document_type) for document_type in PARSERS];"
        "print([name for name in ('torch', 'transformers', 'docling') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout.strip() == "[]"
