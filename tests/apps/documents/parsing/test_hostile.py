"""Files made to exhaust their reader are refused by a process that has little processor time and memory.

Processor time, which the kernel keeps: how long the process waits for its turn says nothing of the file.
"""

import io
import json
import resource
import signal
import subprocess
import sys
import zipfile

import pytest

from apps.documents.parsing.types import DocumentType

ADDRESS_SPACE = 1536 * 1024**2
RESIDENT_MB = 500
PROCESSOR_SECONDS = 20
CHILD = r"""
import json, re, sys
from pathlib import Path
from apps.documents.parsing.registry import parse
from apps.documents.parsing.types import DocumentType
from ragsite.core.errors import PermanentError
try:
    outcome = len(parse(Path(sys.argv[1]), DocumentType(sys.argv[2])).text)
except PermanentError as error:
    outcome = error.error_code
# Not getrusage: its peak is that of the process this one was forked from, if that was larger.
peak = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
print(json.dumps([outcome, peak // 1024]))
"""
LAUGHS = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;"><!ENTITY c "&b;&b;">]>'


def stored_beside(members):
    """An archive of these members, beside so much noise that the ratio of the whole looks harmless."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.writestr("noise.bin", bytes(range(256)) * 8_000, zipfile.ZIP_STORED)
    return buffer.getvalue()


def office(kind, part, content):
    """A package of one kind of office document whose part has this content."""
    relation = '<Relationships><Relationship Id="r1" Type="x/{}" Target="{}"/></Relationships>'.format
    main, inner = {"pptx": ("ppt/p.xml", "slide"), "xlsx": ("xl/w.xml", "worksheet")}[kind]
    folder = main.partition("/")[0]
    key = 'xmlns:r="urn:r" r:id="r1"'
    listed = {
        "pptx": f"<p><sldIdLst><sldId {key}/></sldIdLst></p>",
        "xlsx": f'<w><sheets><sheet name="s" {key}/></sheets></w>',
    }
    return stored_beside(
        {
            "_rels/.rels": relation("officeDocument", main),
            main: listed[kind],
            f"{folder}/_rels/{main.partition('/')[2]}.rels": relation(inner, part),
            f"{folder}/{part}": content,
        }
    )


def book(content):
    container = '<c><rootfiles><rootfile full-path="b.opf"/></rootfiles></c>'
    item = '<item id="i" href="a.xhtml" media-type="application/xhtml+xml"/>'
    package = f'<p><manifest>{item}</manifest><spine><itemref idref="i"/></spine></p>'
    return stored_beside({"META-INF/container.xml": container, "b.opf": package, "a.xhtml": content})


HOSTILE = {
    "a presentation of entities": ("pptx", lambda: office("pptx", "s.xml", f"{LAUGHS}<s>&c;</s>"), "unsafe_xml"),
    "a presentation of endless elements": (
        "pptx",
        lambda: office("pptx", "s.xml", f"<s>{'<a/>' * 10_000_000}</s>"),
        "too_large",
    ),
    "a presentation nested without end": (
        "pptx",
        lambda: office("pptx", "s.xml", "<s>" * 100_000 + "</s>" * 100_000),
        "damaged_file",
    ),
    "a sheet of entities": ("xlsx", lambda: office("xlsx", "s.xml", f"{LAUGHS}<s>&c;</s>"), "unsafe_xml"),
    "a sheet of endless empty elements": (
        "xlsx",
        lambda: office("xlsx", "s.xml", f"<s>{'<a/>' * 12_000_000}</s>"),
        "too_large",
    ),
    "a row of endless cells": (
        "xlsx",
        lambda: office("xlsx", "s.xml", f"<s><row>{'<c/>' * 3_000_000}</row></s>"),
        "too_large",
    ),
    "a cell of endless letters": (
        "xlsx",
        lambda: office("xlsx", "s.xml", f'<s><row><c t="str"><v>{"x" * 30_000_000}</v></c></row></s>'),
        "damaged_file",
    ),
    "a workbook that unpacks to gigabytes": (
        "xlsx",
        lambda: stored_beside({"xl/a.xml": b"0" * 210 * 1024**2}),
        "unsafe_archive",
    ),
    "a text of entities": ("odt", lambda: stored_beside({"content.xml": f"{LAUGHS}<s>&c;</s>"}), "unsafe_xml"),
    "a sheet of endless rows": (
        "ods",
        lambda: stored_beside(
            {
                "content.xml": '<d xmlns:n="urn:n"><body><spreadsheet><table>'
                '<table-row n:number-rows-repeated="999999999"><table-cell><p>word word word</p></table-cell></table-row>'
                "</table></spreadsheet></body></d>"
            }
        ),
        "too_large",
    ),
    "a book nested without end": ("epub", lambda: book("<div>" * 200_000), "damaged_file"),
    "a book of endless letters": ("epub", lambda: book("<p>word " * 6_000_000), "too_large"),
    "json nested without end": ("json", lambda: b"[" * 1_000_000, "too_deep"),
    "json of endless values": ("json", lambda: b"[" + b"[]," * 20_000_000 + b"[]]", "too_large"),
    "json lines of endless values": ("jsonl", lambda: b"[[1]]\n" * 10_000_000, "too_large"),
    "json lines of endless empty values": ("jsonl", lambda: b"{}\n" * 20_000_000, "too_large"),
    "json lines without any value": ("jsonl", lambda: b"\n" * 80_000_000, "too_large"),
    "a number of ten million digits": ("json", lambda: b"9" * 10_000_000, 10_000_000),
    "a notebook of endless cells": (
        "ipynb",
        lambda: b'{"cells": [' + b'{"cell_type": "markdown", "source": "a"},' * 400_000 + b"{}]}",
        "too_large",
    ),
    "a table of one endless cell": ("csv", lambda: b'a,b\n"' + b"x" * 10_000_000, "too_large"),
    "a table of endless delimiters": ("csv", lambda: b"," * 30_000_000, "too_large"),
    "rtf nested without end": ("rtf", lambda: b"{\\rtf1" + b"{" * 1_500_000, "too_deep"),
    "rtf of endless groups": ("rtf", lambda: b"{\\rtf1" + b"{\\b x}" * 10_000_000, "too_large"),
    "a mail nested without end": (
        "eml",
        lambda: b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (at, at) for at in range(1_000)),
        "too_deep",
    ),
    "a mail of endless lines in many parts": (
        "eml",
        lambda: b'Content-Type: multipart/mixed; boundary="b"\n\n--b\n' * 40 + b"x\n" * 10_000_000,
        "too_large",
    ),
    "code of endless lines": ("code", lambda: b"\n" * 50_000_000, "too_large"),
    "a page of endless elements": ("html", lambda: b"<p>word " * 6_000_000, "too_large"),
    "python nested without end": ("py", lambda: b"(" * 1_000_000, 1_000_000),
    "a chain of a million attributes": ("py", lambda: b"a" + b".a" * 900_000, 1_800_001),
}


def bounded():
    """Give the process that is about to begin no more than this."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS + 1))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_ends_in_an_answer(tmp_path, name):
    document_type, make, expected = HOSTILE[name]
    path = tmp_path / "hostile"
    path.write_bytes(make())
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path), DocumentType(document_type).value],
        capture_output=True,
        text=True,
        preexec_fn=bounded,
    )
    assert done.returncode != -signal.SIGXCPU, f"over {PROCESSOR_SECONDS} s of processor time"
    assert done.returncode == 0, done.stderr[-2_000:]
    outcome, resident = json.loads(done.stdout)
    assert outcome == expected
    assert resident < RESIDENT_MB
