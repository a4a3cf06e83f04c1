"""The manual as a site: it is built without a warning, holds what the code has, and asks no other host for anything."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from docs.site.navigation import SECTIONS
from ragsite.api import openapi
from ragsite.core.environment import PROJECT_DIR, Environment
from ragsite.gateway.problem_codes import PROBLEMS
from workers.jobs import JOBS

LOADED = re.compile(r'<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)="(?:https?:)?//')
IN_A_STYLE = re.compile(r'@import|url\(["\']?(?:https?:)?//')


def test_the_site_is_built_without_a_warning_of_all_that_there_is_and_loads_nothing_from_elsewhere(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "docs.site", "--output", str(tmp_path)],
        cwd=PROJECT_DIR, env=os.environ, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    html = tmp_path / "html"
    pages = {path.relative_to(html).as_posix(): path.read_text() for path in html.rglob("*.html")}
    assert [name for name, text in pages.items() if LOADED.search(text)] == []
    assert [path.name for path in html.rglob("*.css") if IN_A_STYLE.search(path.read_text())] == []

    shown = pages["index.html"]
    assert [page for section in SECTIONS for page in section.pages if f'href="{page}.html"' not in shown] == []
    written = (path.relative_to(PROJECT_DIR / "docs") for path in (PROJECT_DIR / "docs").glob("*.md"))
    assert [
        str(page) for page in written if f'href="{page.with_suffix(".html")}"' not in shown and page.stem != "index"
    ] == []

    operations = "".join(text for name, text in pages.items() if name.startswith("reference/api/"))
    told = re.findall(r'rag-method rag-(\w+)">\w+</span> <code>([^<]+)</code>', operations)
    assert sorted(told) == sorted((method, path) for path, methods in openapi()["paths"].items() for method in methods)
    assert [
        code for code in PROBLEMS if f'id="problem-{code.replace("_", "-")}"' not in pages["reference/problems.html"]
    ] == []
    assert [name for name in Environment.model_fields if name.upper() not in pages["reference/settings.html"]] == []
    assert [job.name for job in JOBS if f">{job.name}<" not in pages["reference/jobs.html"]] == []
