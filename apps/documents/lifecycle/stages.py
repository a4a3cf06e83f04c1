"""The stages a version passes, by name, for those who ring for one. What each does is the table in workers/jobs.py."""

from __future__ import annotations

from apps.documents.models import VersionStatus

PARSE = "parse"
CHUNK = "chunk"
EMBED = "embed"
ACTIVATE = "activate"

STAGE_FROM: dict[str, str] = {
    VersionStatus.UPLOADED: PARSE,
    VersionStatus.PARSED: CHUNK,
    VersionStatus.CHUNKED: EMBED,
    VersionStatus.EMBEDDED: ACTIVATE,
}
"""The stage that takes up a version in a status."""
