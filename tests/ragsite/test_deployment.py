from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys

import pytest

from ragsite.stack.local import PROJECT_DIR

pytestmark = pytest.mark.servers

MANUAL = (PROJECT_DIR / "docs" / "operations.md").read_text()


def recommended() -> dict[str, str]:
    """What the manual says to set in production, with a key such as it asks for."""
    section = MANUAL.partition("### In production\n")[2].partition("\n### ")[0]
    return dict(re.findall(r"(RAGSITE_\w+)=([\w.,]+)", section)) | {"RAGSITE_SECRET_KEY": secrets.token_urlsafe(48)}


@pytest.mark.parametrize(("hsts", "warned"), [("domain", set()), ("host", {"security.W005", "security.W021"})])
def test_django_has_nothing_to_say_about_a_deployment_as_the_manual_recommends_it(hsts: str, warned: set[str]) -> None:
    settings = recommended()
    assert {"RAGSITE_HTTPS", "RAGSITE_HSTS", "RAGSITE_ALLOWED_HOSTS"} <= settings.keys()
    environ = {name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"}  # of tests
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy"],
        cwd=PROJECT_DIR, env={**environ, **settings, "RAGSITE_HSTS": hsts}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0
    assert set(re.findall(r"\w+\.W\d+", done.stdout + done.stderr)) == warned
