"""Whatever bytes of a file are wrong, the outcome is a document or a refusal that a person can read."""

import json
import random

import pytest

from apps.documents.parsing.types import DocumentType
from ragsite.core.errors import PermanentError

KEY = 'xmlns:r="urn:r" r:id="r1"'
ROUNDS = 150


def related(*targets):
    entries = "".join(f'<Relationship Id="r1" Type="x/{kind}" Target="{target}"/>' for kind, target in targets)
    return f"<Relationships>{entries}</Relationships>"


PPTX = {
    "_rels/.rels": related(("officeDocument", "ppt/p.xml")),
    "ppt/p.xml": f"<p><sldIdLst><sldId {KEY}/></sldIdLst></p>",
    "ppt/_rels/p.xml.rels": related(("slide", "s.xml")),
    "ppt/s.xml": '<s><cSld><spTree><sp><nvSpPr><nvPr><ph type="body"/></nvPr></nvSpPr><txBody><p><pPr lvl="1"/>'
    "<r><t>Duck</t></r></p></txBody></sp><graphicFrame><graphic><graphicData><tbl><tr><tc><p><r><t>a</t></r></p></tc>"
    "</tr></tbl></graphicData></graphic></graphicFrame></spTree></cSld></s>",
}
XLSX = {
    "_rels/.rels": related(("officeDocument", "xl/w.xml")),
    "xl/w.xml": f'<w><sheets><sheet name="s" {KEY}/></sheets></w>',
    "xl/_rels/w.xml.rels": related(("worksheet", "s.xml")),
    "xl/s.xml": '<s><sheetData><row r="1"><c r="A1" t="str"><v>Duck</v></c><c r="B1" s="1"><v>45.5</v></c></row></sheetData></s>',
}
ODS = {
    "content.xml": '<d xmlns:n="urn:n"><body><spreadsheet><table n:name="s"><table-row n:number-rows-repeated="2">'
    '<table-cell n:number-columns-repeated="3"><p>Duck<s n:c="2"/></p></table-cell></table-row></table></spreadsheet></body></d>'
}
ODP = {
    "content.xml": '<d xmlns:n="urn:n"><body><presentation><page n:name="s"><frame><text-box><p>Duck</p><list><list-item>'
    "<p>a</p></list-item></list></text-box></frame><notes><p>b</p></notes></page></presentation></body></d>"
}
ODT = {
    "content.xml": '<d xmlns:n="urn:n"><body><text><h n:outline-level="2">Duck</h><list><list-item><p>a</p></list-item>'
    "</list><p>b<note><p>c</p></note></p></text></body></d>"
}
EPUB = {
    "META-INF/container.xml": '<c><rootfile full-path="b.opf"/></c>',
    "b.opf": '<p><manifest><item id="i" href="a.html" media-type="text/html"/></manifest>'
    '<spine><itemref idref="i"/></spine></p>',
    "a.html": "<h1>Duck</h1><table><tr><td>a<td>b</table><ul><li>c",
}
MAIL = (
    b"From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>\nSubject: =?koi8-r?B?8NLJ18XU?=\nMIME-Version: 1.0\n"
    b'Content-Type: multipart/alternative; boundary="b"\n\n--b\nContent-Type: text/plain; charset="utf-16"\n'
    b"Content-Transfer-Encoding: base64\n\n/v8ARAB1AGMAaw==\n--b\nContent-Type: text/html; charset=cp1252\n"
    b"Content-Transfer-Encoding: quoted-printable\n\n<p>Duck =E4=F6\n--b--\n"
)
NOTEBOOK = {
    "cells": [{"cell_type": "markdown", "source": ["# Duck"]}, {"cell_type": "code", "outputs": [{"text": ["a"]}]}],
    "metadata": {"kernelspec": {"language": "python"}},
}
RTF = (
    rb"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fcharset128 A;}}{\stylesheet{\s1\outlinelevel0 heading 1;}}"
    rb"{\info{\title T}}\pard\s1 Duck\par\pard{\listtext a}\f0 \'93\'8c\par\trowd\intbl a\cell b\cell\row"
    rb"\uc1\u26481?{\*\x y}{\footnote z}\bin2 {{}"
)
CALENDAR = b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Duck\nDTSTART;TZID=X:20240311T0900\nRRULE:FREQ=DAILY\nEND:VEVENT\n"
DOCX = {
    "_rels/.rels": related(("officeDocument", "word/d.xml")),
    "word/d.xml": '<d xmlns:w="urn:w"><body><p><pPr><pStyle w:val="Heading1"/></pPr><r><t>Duck</t></r></p><tbl><tr><tc><p><r>'
    "<t>a</t></r></p></tc></tr></tbl></body></d>",
}
SAMPLES = {
    DocumentType.TEXT: b"Duck\n\nPond\n",
    DocumentType.MARKDOWN: b"# Duck\n\n- a\n- b\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```py\nc\n```\n",
    DocumentType.HTML: b"<!doctype html><h1>Duck</h1><table><tr><td>a<td>b</table><ul><li>c</ul><pre>d</pre>",
    DocumentType.CODE: b"int duck() {\n  return 1;\n}\n",
    DocumentType.DOCX: DOCX,
    DocumentType.PPTX: PPTX,
    DocumentType.XLSX: XLSX,
    DocumentType.ODS: ODS,
    DocumentType.ODT: ODT,
    DocumentType.ODP: ODP,
    DocumentType.EPUB: EPUB,
    DocumentType.EML: MAIL,
    DocumentType.CALENDAR: CALENDAR,
    DocumentType.RTF: RTF,
    DocumentType.NOTEBOOK: json.dumps(NOTEBOOK).encode(),
    DocumentType.JSON: b'{"a": [1, {"b": "c"}], "d": null}',
    DocumentType.JSONL: b'{"a": 1}\n{"b": [2]}\n',
    DocumentType.CSV: b'a,b\n"c ""d""",e\n1,2\n',
    DocumentType.PYTHON: b"class A:\n    @b\n    def c(self): return '''d\n'''\n\nx = f'{1}'\n",
}
# Bytes that mean something in one format or another.
TELLING = b"<>&;{}[]()\"'\\/=,:\n\r\t\x00\x1b\xff0129-"


def damaged(data, chance):
    made = bytearray(data)
    for _ in range(chance.randrange(1, 5)):
        at = chance.randrange(len(made) + 1)
        match chance.randrange(4):
            case 0:
                made[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                made[at:at] = bytes([chance.choice(TELLING)])
            case 2:
                del made[at : at + chance.randrange(20)]
            case _:
                start = chance.randrange(len(made) + 1)
                made[at:at] = made[start : start + chance.randrange(30)]
    return bytes(made)


def test_every_type_is_damaged_here():
    """PDFs are in `pdf/test_pages.py`."""
    assert set(DocumentType) - set(SAMPLES) == {DocumentType.PDF}


@pytest.mark.parametrize("document_type", SAMPLES)
def test_an_undamaged_file_is_read(parse_bytes, make_zip, document_type):
    sample = SAMPLES[document_type]
    assert parse_bytes(document_type, make_zip(sample) if isinstance(sample, dict) else sample).text


@pytest.mark.parametrize("document_type", SAMPLES)
def test_a_damaged_file_leads_to_a_document_or_a_refusal(parse_bytes, make_zip, document_type):
    chance = random.Random(document_type)
    sample = SAMPLES[document_type]
    for _ in range(ROUNDS):
        if isinstance(sample, dict):
            part = chance.choice(list(sample))
            data = make_zip({**sample, part: damaged(sample[part].encode(), chance)})
        else:
            data = damaged(sample, chance)
        try:
            document = parse_bytes(document_type, data)
        except PermanentError:
            continue
        json.dumps([document.text, document.title, document.metadata], ensure_ascii=False).encode("utf-8")


@pytest.mark.parametrize("document_type", [kind for kind in SAMPLES if isinstance(SAMPLES[kind], dict)])
def test_a_damaged_archive_leads_to_a_document_or_a_refusal(parse_bytes, make_zip, document_type):
    chance = random.Random(document_type)
    data = make_zip(SAMPLES[document_type])
    refused = 0
    for _ in range(ROUNDS):
        try:
            parse_bytes(document_type, damaged(data, chance))
        except PermanentError:
            refused += 1
    assert refused
