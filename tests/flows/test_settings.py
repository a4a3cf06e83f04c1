"""A setting that is changed by a command holds in the running web process and in running workers, which go on."""

from __future__ import annotations

from pathlib import Path

import pytest
from ragsite_client import Client, InvalidInputError

from ragsite.stack.system import System
from tests.flows.test_poison import blank_page
from tests.waiting import wait_for

pytestmark = [pytest.mark.servers, pytest.mark.workers, pytest.mark.weights]
SECONDS = 5
LARGE = {"about": "x" * 3_000}


def test_a_change_holds_in_the_web_process_and_in_workers_within_seconds(
    running: System, client: Client, tmp_path: Path
) -> None:
    base = client.create_knowledge_base("Settings").id
    note, scan = tmp_path / "note.txt", tmp_path / "scan.pdf"
    note.write_text("The harbour has 42 berths for guests.")
    scan.write_bytes(blank_page())

    def is_taken() -> bool:
        try:
            client.upload(base, note, metadata=LARGE)
        except InvalidInputError:
            return False
        return True

    def status_of_scan(name: str) -> tuple[str, str]:
        (version,) = client.as_ended([client.upload(base, scan, external_id=name).version.id], seconds=60)
        return version.status, version.error_code or ""

    assert is_taken()
    running.manage("settings", "set", "documents.metadata_kilobytes", "1")
    wait_for(lambda: not is_taken(), seconds=SECONDS, what="the web process to go by the change")
    running.manage("settings", "unset", "documents.metadata_kilobytes")
    wait_for(is_taken, seconds=SECONDS, what="the web process to go by what was unset")

    assert status_of_scan("read") == ("ready", "")
    running.manage("settings", "set", "documents.ocr", "false", "--knowledge-base", base)
    assert status_of_scan("unread") == ("failed", "no_text_layer")
    running.manage("settings", "unset", "documents.ocr", "--knowledge-base", base)
    assert status_of_scan("read again") == ("ready", "")
