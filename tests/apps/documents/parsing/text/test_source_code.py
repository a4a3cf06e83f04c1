import pytest

from apps.documents.parsing.text.source_code import python_blocks
from apps.documents.parsing.types import DocumentType, Place, PlaceKind

PYTHON = '''"""About ducks."""
import quack

@quack.mark
class Duck:
    """A bird."""

    def speak(self):
        return "quack"

    async def eat(self): pass
WINGS = 2
'''


def test_python_comes_under_the_names_of_its_definitions(parse_bytes, outline):
    document = parse_bytes(DocumentType.PYTHON, PYTHON.encode())
    assert outline(document) == [
        ((), '"""About ducks."""\nimport quack'),
        (("Duck",), '@quack.mark\nclass Duck:\n    """A bird."""'),
        (("Duck", "speak"), '    def speak(self):\n        return "quack"'),
        (("Duck", "eat"), "    async def eat(self): pass"),
        ((), "WINGS = 2"),
    ]
    assert document.sections[1].place == Place(PlaceKind.LINE, 4, rows=(4, 6))
    assert document.metadata == {"lines": "13"}


def test_each_line_is_where_its_place_says(parse_bytes):
    source = "\r\n".join(f"line {number}" if number % 7 else "" for number in range(1, 200))
    document = parse_bytes(DocumentType.CODE, source.encode())
    assert len(document.sections) > 3
    for section in document.sections:
        first, last = section.place.rows
        assert document.text[section.start : section.end] == "\n".join(source.split("\r\n")[first - 1 : last])


def test_code_without_blank_lines_is_cut_all_the_same(parse_bytes):
    document = parse_bytes(DocumentType.CODE, "\n".join(f"x{number};" for number in range(150)).encode())
    assert [section.place.rows for section in document.sections] == [(1, 60), (61, 120), (121, 150)]


@pytest.mark.parametrize(
    "source",
    [
        "def broken(:",
        "print 'two'",
        "(" * 10_000,
        "-" * 100_000 + "1",
        "a" + ".a" * 100_000,
        "[" + "1+" * 100_000 + "1]",
        "x = '\x00'",
        "lambda: " * 5_000 + "1",
        "if x:\n" + "".join(" " * depth + "if x:\n" for depth in range(1, 200)),
    ],
)
def test_python_that_cannot_be_understood_comes_without_headings(source):
    blocks = python_blocks(source, lines=source.count("\n") + 1)
    assert [(block.first, block.names) for block in blocks] == [(1, ())]


def test_several_definitions_on_one_line_lose_nothing(parse_bytes):
    document = parse_bytes(
        DocumentType.PYTHON, b"class A: x = 1; y = 2\ndef f(): pass\n\n\nclass B:\n  def g(self): pass\n"
    )
    assert "".join(document.text.split()) == "classA:x=1;y=2deff():passclassB:defg(self):pass"
