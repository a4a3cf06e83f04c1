"""The tools that read exactly: what there is, by name, by text, by line."""

from __future__ import annotations

from typing import Any

from apps.documents.models import Document
from apps.documents.rights.access import knowledge_bases_visible
from apps.documents.services.finding import Page, documents_find, documents_list
from apps.documents.services.grepping import Grep, Match, documents_grep
from apps.documents.services.lines import lines_read, version_read
from apps.retrieval.doors.mcp.inputs import FindInput, GrepInput, ListInput, ReadInput
from apps.retrieval.doors.mcp.told import Told
from apps.retrieval.doors.showing import tell_shown
from ragsite.core.audit.recording import AuditObject
from ragsite.gateway.keys import Principal


def list_all(principal: Principal, given: ListInput) -> Told:
    """Knowledge bases, or the documents of one."""
    if given.knowledge_base is None:
        return _knowledge_bases(principal, given)
    return _page(
        documents_list(
            principal, knowledge_base_id=given.knowledge_base, offset=given.offset, limit=given.limit
        )
    )  # fmt: skip


def find(principal: Principal, given: FindInput) -> Told:
    """Documents by a part of their names."""
    return _page(
        documents_find(
            principal,
            name=given.name,
            knowledge_base_id=given.knowledge_base,
            offset=given.offset,
            limit=given.limit,
        )
    )


def grep(principal: Principal, given: GrepInput) -> Told:
    """Lines with a text or pattern."""
    found = documents_grep(
        principal,
        Grep(
            given.pattern,
            is_pattern=given.regex,
            ignore_case=given.ignore_case,
            knowledge_base_id=given.knowledge_base,
            document_id=given.document,
            context=given.context,
            limit=given.limit,
            start=given.next,
        ),
    )
    lines = [{"version": one.version_id, "line": one.line} for one in found.matches]
    search = AuditObject("search", tenant_id=principal.tenant_id)
    tell_shown(search, given.pattern, (), actor=principal.actor(), lines=lines)
    told = "\n".join(map(_match_text, found.matches)) or "No line has it."
    if found.next:
        told += f"\nThere may be more: go on with next={found.next!r}."
    return Told(told, {"matches": [_match(one) for one in found.matches], "next": found.next})


def read(principal: Principal, given: ReadInput) -> Told:
    """Lines of a document."""
    version = version_read(principal, document_id=given.document, version_id=given.version)
    found = lines_read(principal, version=version, first=given.first_line, number=given.lines)
    numbered = [f"{found.first + place}\t{line}" for place, line in enumerate(found.lines)]
    title = version.document.title
    rest = f"Go on with first_line={found.next_line}." if found.next_line else "This is the end."
    told = "\n".join([f"{title}, version {version.number}, {found.total} lines:", *numbered, rest])
    structured = {
        "document": str(version.document_id), "title": title, "version": str(version.pk), "version_number": version.number,
        "first_line": found.first, "lines": list(found.lines), "total_lines": found.total, "next_line": found.next_line,
    }  # fmt: skip
    return Told(told, structured)


def _knowledge_bases(principal: Principal, given: ListInput) -> Told:
    past = given.offset + given.limit
    found = list(knowledge_bases_visible(principal).order_by("name", "pk")[given.offset : past + 1])
    shown = found[: given.limit]
    told = "\n".join(f"{one.pk}  {one.name}  {one.description}".rstrip() for one in shown) or "There is none."
    rows = [{"id": str(one.pk), "name": one.name, "description": one.description} for one in shown]
    return Told(told, {"knowledge_bases": rows, "next_offset": past if len(found) > given.limit else None})


def _page(page: Page) -> Told:
    told = "\n".join(f"{one.pk}  {one.title}" for one in page.documents) or "There is none."
    if page.next_offset is not None:
        told += f"\nThere are more: go on with offset={page.next_offset}."
    return Told(told, {"documents": list(map(_document, page.documents)), "next_offset": page.next_offset})


def _document(one: Document) -> dict[str, Any]:
    version = one.current_version
    return {
        "id": str(one.pk), "title": one.title, "knowledge_base": str(one.knowledge_base_id),
        "version": str(version.pk) if version else None, "filename": version.filename if version else None,
        "external_id": one.external_id,
    }  # fmt: skip


def _match(one: Match) -> dict[str, Any]:
    return {
        "document": str(one.document_id), "title": one.title, "version": str(one.version_id),
        "version_number": one.version_number, "line": one.line, "text": one.text, "before": list(one.before),
        "after": list(one.after),
    }  # fmt: skip


def _match_text(one: Match) -> str:
    lines = [f"{one.title} ({one.document_id})"]
    lines += [f"{one.line - len(one.before) + place}-\t{line}" for place, line in enumerate(one.before)]
    lines += [f"{one.line}:\t{one.text}"]
    lines += [f"{one.line + 1 + place}-\t{line}" for place, line in enumerate(one.after)]
    return "\n".join(lines)
