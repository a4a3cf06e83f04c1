"""Mail to a server that is certified by the operator's own authority."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ragsite.core.mailing import MailBackend
from tests.tls import Authority


def test_the_mail_server_is_checked_by_the_authorities_that_the_operator_names(tmp_path: Path, settings: Any) -> None:
    def known() -> set[str]:
        subjects = [one["subject"] for one in MailBackend().ssl_context.get_ca_certs()]
        return {value for subject in subjects for ((_name, value),) in subject}

    settings.RAGSITE_CA_FILE = str(Authority(tmp_path, "ours").file)
    assert known() == {"ours"}
    settings.RAGSITE_CA_FILE = ""
    assert "ours" not in known()
