"""When the pages of the admin are imported."""

from __future__ import annotations

import subprocess
import sys

from ragsite.core.environment import PROJECT_DIR

STARTED = """
import sys
import django

django.setup()
import workers.process
import workers.tasks

PAGES = ("apps.documents.admin", "apps.retrieval.doors.admin", "ragsite.gateway.admin", "ragsite.urls", "unfold.admin")
assert not set(PAGES) & set(sys.modules), set(PAGES) & set(sys.modules)

from django.core.checks import Tags, run_checks

assert run_checks(tags=[Tags.admin]) == []
from django.contrib import admin
from apps.documents.models import KnowledgeBase

assert admin.site.is_registered(KnowledgeBase)
"""


def test_a_worker_imports_no_pages_and_who_checks_them_does() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STARTED], cwd=PROJECT_DIR, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
