"""Files that kill the process that reads them, among others that are fine."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import httpx
import pytest
from ragsite_client import Client
from reportlab.pdfgen.canvas import Canvas

from ragsite.stack.system import System
from tests.flows import checks
from tests.flows.checks import Database
from tests.flows.texts import write_mixed_documents

pytestmark = [pytest.mark.servers, pytest.mark.workers, pytest.mark.weights]

DOCUMENTS = 50
STARTS = "SELECT attempts FROM documents_stagerecord WHERE stage = 'parse' AND version_id = %s"


@pytest.mark.timeout(420)
def test_a_file_that_kills_its_worker_is_given_up_after_three_deaths_and_a_retry_ends_ready_once_the_cause_is_mended(
    running: System, client: Client, key: str, database: Database, tmp_path: Path
) -> None:
    poison = Path(running.environ["RAGSITE_DATA_DIR"]) / "poison"
    poison.touch()
    base = client.create_knowledge_base("Poison", chunking={"size": 32, "overlap": 4}).id
    (tmp_path / "bomb.pdf").write_bytes(page_of_too_many_words())
    (tmp_path / "scan.pdf").write_bytes(blank_page())
    bomb, scan = (client.upload(base, tmp_path / name).version.id for name in ("bomb.pdf", "scan.pdf"))
    for path in write_mixed_documents(tmp_path, count=DOCUMENTS, seed=6):
        client.upload(base, path)
    checks.await_statuses(database, base, {"ready": DOCUMENTS, "failed": 2}, seconds=200)

    for killer in (bomb, scan):
        failed = client.version(killer)
        assert (failed.status, failed.error_code) == ("failed", "too_many_attempts")
        assert failed.error.startswith("The worker of the parse stage died or gave up 3 times without progress.")
        assert database.execute(STARTS, [killer]).fetchone() == (3,)
    deaths = running.supervisor.log("parsing").read_text()
    assert deaths.count("(SIGABRT)") >= 3, "PDFium did not run out of memory"
    assert deaths.count("(SIGKILL)") >= 3, "the recognition program did not take its worker along"
    assert {kind: len(ids) for kind, ids in checks.events_of(database, base).items()} == {
        "document.created": DOCUMENTS + 2,
        "vector.indexed": DOCUMENTS,
        "document.failed": 2,
    }

    poison.unlink()
    retried = httpx.post(f"{running.url}/api/v1/versions/{scan}/retry/", headers={"Authorization": f"Bearer {key}"})
    assert (retried.status_code, retried.json()["status"]) == (httpx.codes.ACCEPTED, "uploaded")
    (again,) = client.as_ended([scan], seconds=60)
    assert (again.status, again.chunk_count, again.error) == ("ready", 1, "")
    checks.assert_no_chunk_twice(database, base)


def page_of_too_many_words() -> bytes:
    """A PDF of 8 KB that PDFium needs gigabytes for: one page shows the same words 400 times over."""
    line = b"(word%06d and some more words of a line) Tj 0 1 Td\n"
    words = zlib.compress(b"BT /F1 8 Tf 10 10 Td\n" + b"".join(line % number for number in range(2_000)) + b"ET\n")
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Resources << /Font << /F1 4 0 R >> >> "
        b"/Contents [" + b"5 0 R " * 400 + b"] >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream" % (len(words), words),
    )
    body = b"".join(b"%d 0 obj\n%b\nendobj\n" % (number, content) for number, content in enumerate(objects, start=1))
    return b"%PDF-1.7\n" + body + b"trailer << /Size 6 /Root 1 0 R >>\n%%EOF\n"


def blank_page() -> bytes:
    """A page that only text recognition can say something about."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer)
    canvas.rect(100, 100, 50, 50)
    canvas.showPage()
    canvas.save()
    return buffer.getvalue()
