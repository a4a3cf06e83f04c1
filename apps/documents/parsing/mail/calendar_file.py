"""Calendars (.ics): events, tasks and notes by themselves, without a message."""

from __future__ import annotations

from pathlib import Path

from apps.documents.parsing.building import DocumentBuilder
from apps.documents.parsing.characters import decode, read_bytes
from apps.documents.parsing.mail.calendar import read_calendar, write_entry
from apps.documents.parsing.types import DocumentType, FileLimits, ParsedDocument


class CalendarParser:
    """Takes each entry as a table with its description below, under what it is called."""

    name = "ics"
    types = frozenset({DocumentType.CALENDAR})

    def parse(self, path: Path, limits: FileLimits) -> ParsedDocument:
        """A section an entry; raises DamagedFileError, EmptyTextError and TooLargeError."""
        calendar, entries = read_calendar(decode(read_bytes(path, limits)))
        builder = DocumentBuilder(limits)
        for entry in entries:
            builder.under(entry.text("SUMMARY"))
            write_entry(entry, calendar, builder)
        named = calendar.text("X-WR-CALNAME") or calendar.text("NAME")
        return builder.finish(title=named or (entries[0].text("SUMMARY") if len(entries) == 1 else ""))
