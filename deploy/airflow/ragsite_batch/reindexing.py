"""Whether each knowledge base's index is as it should be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from ragsite_client import Client, ConflictError, KnowledgeBase

from ragsite_batch.asking import NeedsPeopleError, once


class Kind(StrEnum):
    """What is the matter with an index."""

    FAILED = "failed"
    REFUSED = "refused"
    READY = "ready"
    BEHIND = "behind"
    VERSIONS_FAILED = "versions_failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about one knowledge base, in a sentence."""

    knowledge_base: str
    name: str
    kind: str
    text: str

    def told(self) -> dict[str, str]:
        """As one task tells the next."""
        return asdict(self)


def indexes_check(client: Client) -> list[Finding]:
    """What is to be said about the indexes that the key may see. It takes the permission `read`."""
    current = {_model(version) for version in client.rows("/model-versions/", kind="embedding", status="active")}
    return [finding for base in client.knowledge_bases() for finding in _findings(client, base, current)]


def reindexes_resume(client: Client, findings: Sequence[Finding], *, run: str) -> list[str]:
    """Let re-indexes that failed go on; the knowledge bases where that was done. It takes `write` or `work:manage`.

    `run` names the run that does so: within it a re-index is resumed once.
    """
    return [one.knowledge_base for one in findings if one.kind == Kind.FAILED and _resumed(client, one, run)]


def findings_raise(findings: Sequence[Finding], *, resumed: Sequence[str] = ()) -> None:
    """Tell people, unless there is nothing to tell.

    Raises:
        NeedsPeopleError: with a line for each finding that is not being mended.
    """
    left = [one for one in findings if one.kind != Kind.FAILED or one.knowledge_base not in resumed]
    if left:
        raise NeedsPeopleError("\n".join(f"{one.name}: {one.text}" for one in left))


def _findings(client: Client, base: KnowledgeBase, current: set[str]) -> Iterator[Finding]:
    newest = client.call("GET", f"/knowledge-bases/{base.id}/reindex/", limit=1)["results"]
    waits = [one for one in newest if one["state"] in (Kind.FAILED, Kind.REFUSED, Kind.READY)]
    for one in waits:
        yield Finding(base.id, base.name, one["state"], one["text"])
    under_way = newest and newest[0]["ended_at"] is None
    for live in client.rows(f"/knowledge-bases/{base.id}/generations/"):
        if live["state"] == "live" and live["model"] not in current and not under_way:
            text = f"It is indexed by {live['model']}, which is not in use any more: re-index it."
            yield Finding(base.id, base.name, Kind.BEHIND.value, text)
    failed = client.call("GET", "/versions/", status="failed", knowledge_base=base.id, limit=1)["count"]
    if failed:
        text = f"{failed} versions of documents failed, and are not found in their newest form."
        yield Finding(base.id, base.name, Kind.VERSIONS_FAILED.value, text)


def _model(version: dict[str, Any]) -> str:
    """As generations name it."""
    return f"{version['model_name']} {version['revision'][:12]}"


def _resumed(client: Client, finding: Finding, run: str) -> bool:
    base = finding.knowledge_base
    try:
        client.call("POST", f"/knowledge-bases/{base}/reindex/resume/", idempotency_key=once(run, "resume", base))
    except ConflictError:
        return False
    return True
