import json

import pytest

from apps.documents.parsing.text import json_file
from apps.documents.parsing.types import DocumentType


def places(document):
    return [(section.place.label, section.place.number) for section in document.sections]


def test_a_short_value_is_one_section_in_lines(parse_bytes):
    value = {"name": "Ann", "tags": ["a", "b"], "home": {"city": "Bern"}, "age": 7, "ok": True, "none": None, "e": []}
    document = parse_bytes(DocumentType.JSON, json.dumps(value).encode())
    assert document.text == "name: Ann\ntags:\n  - a\n  - b\nhome:\n  city: Bern\nage: 7\nok: true\nnone: null\ne: []"
    assert places(document) == [("", None)]


def test_a_long_value_is_taken_apart_with_pointers_and_names(parse_bytes, outline):
    value = {"title": "Birds", "users/all": [{"name": f"bird {at}", "about": "x" * 400} for at in range(4)]}
    document = parse_bytes(DocumentType.JSON, json.dumps(value).encode())
    assert places(document) == [("", None), *((f"/users~1all/{at}", None) for at in range(4))]
    assert outline(document)[0] == ((), "title: Birds")
    assert outline(document)[2] == (("users/all",), f"name: bird 1\nabout: {'x' * 400}")


def test_each_pointer_leads_to_the_value_that_the_section_shows(parse_bytes):
    value = {"a~b": [{"deep": {"text": f"{at} " * 300}} for at in range(3)], "c": {"d": "e" * 2_000}}
    document = parse_bytes(DocumentType.JSON, json.dumps(value).encode())
    for section in document.sections:
        found = value
        for token in section.place.label.split("/")[1:]:
            name = token.replace("~1", "/").replace("~0", "~")
            found = found[int(name)] if isinstance(found, list) else found[name]
        shown = document.text[section.start : section.end]
        assert shown.partition(": ")[2].strip() in json.dumps(found)


def test_plain_values_of_a_long_list_stay_together(parse_bytes):
    document = parse_bytes(DocumentType.JSON, json.dumps(list(range(2_000))).encode())
    assert places(document) == [("", None)]
    assert document.text.count("\n") == 1_999


def test_each_line_of_json_lines_has_its_number_and_its_pointer(parse_bytes, outline):
    document = parse_bytes(DocumentType.JSONL, '{"a": 1}\n\n{"a": "zwei\u2028drei"}\n'.encode())
    assert places(document) == [("/0", 1), ("/1", 3)]
    assert outline(document)[1] == ((), "a: zwei\ndrei")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_the_encodings_of_unicode_are_distinguished(parse_bytes, encoding):
    assert parse_bytes(DocumentType.JSON, '{"bird": "Gänse"}'.encode(encoding)).text == "bird: Gänse"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"[" * 100_000 + b"]" * 100_000, "too_deep"),
        (b'{"a":' * 150 + b"1" + b"}" * 150, "too_deep"),
        (b"[" + b"0," * 3_000_000 + b"0]", "too_large"),
        (b'{"a": 1', "damaged_file"),
        (b'{"a": 1} trailing', "damaged_file"),
        (b"   ", "damaged_file"),
        (b'""', "empty_text"),
    ],
)
def test_values_that_no_reader_could_use_are_refused(refused, data, code):
    assert refused(DocumentType.JSON, data).error_code == code


def test_a_number_of_a_million_digits_stays_text(parse_bytes):
    assert parse_bytes(DocumentType.JSON, b'{"n": %s}' % (b"9" * 1_000_000)).text == f"n: {'9' * 1_000_000}"


def test_a_wrong_line_is_reported_by_its_number(refused):
    error = refused(DocumentType.JSONL, b'{"a": 1}\n{"a": }\n')
    assert error.error_code == "damaged_file"
    assert error.message.startswith("Line 2 is not valid JSON")


def test_more_parts_than_can_be_kept_are_refused(refused):
    assert refused(DocumentType.JSONL, b"1\n" * 101, max_sections=100).error_code == "too_large"


@pytest.mark.parametrize("line", [b"[[1]]\n", b"{}\r\n", b'""\r', b"\n"], ids=repr)
def test_more_lines_than_may_be_read_are_refused_before_the_first_is(refused, monkeypatch, line):
    read = []
    monkeypatch.setattr(json_file, "load_json", lambda text, **_: read.append(text))
    error = refused(DocumentType.JSONL, b'{"a": 1}\n' + line * 101, max_values=100)
    assert (error.error_code, read) == ("too_large", [])
    assert error.message == "The file has more than 100 lines."


def test_as_many_lines_as_may_be_read_are_read(parse_bytes):
    assert parse_bytes(DocumentType.JSONL, b"1\r\n" + b"\r\n" * 99, max_values=100).text == "1"


def test_members_whose_names_are_repeated_are_all_kept(parse_bytes):
    data = b'{"port": 8080, "port": 9090, "a": {"b": [1], "b": {"c": 1.10}}}'
    document = parse_bytes(DocumentType.JSON, data)
    assert document.text == "port: 8080\nport: 9090\na:\n  b:\n    - 1\n  b:\n    c: 1.10"
    long = b'{"a": {"t": "%s"}, "a": {"t": "%s"}}' % (b"x" * 900, b"y" * 900)
    assert [section.place.label for section in parse_bytes(DocumentType.JSON, long).sections] == ["/a", "/a"]


def test_a_json_file_of_several_lines_with_a_value_each_is_read_as_json_lines(parse_bytes):
    document = parse_bytes(DocumentType.JSON, b'{"a": 1}\n\n{"a": 2}\n')
    assert [section.place.label for section in document.sections] == ["/0", "/1"]
