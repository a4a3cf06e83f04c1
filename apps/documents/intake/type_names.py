"""What people call the types of documents: `pdf`, `.htm`, `text/csv`, `spreadsheet`."""

from __future__ import annotations

from apps.documents.intake.fetched_names import EXTENSION_OF
from apps.documents.parsing.sniffing import EXTENSIONS
from apps.documents.parsing.types import DocumentType as Type
from ragsite.core.errors import PermanentError

FAMILIES: dict[str, frozenset[Type]] = {
    "text": frozenset({Type.TEXT, Type.MARKDOWN}),
    "web": frozenset({Type.HTML}),
    "word": frozenset({Type.DOCX, Type.ODT, Type.RTF}),
    "presentation": frozenset({Type.PPTX, Type.ODP}),
    "spreadsheet": frozenset({Type.XLSX, Type.ODS, Type.CSV}),
    "email": frozenset({Type.EML}),
    "book": frozenset({Type.EPUB}),
    "notebook": frozenset({Type.NOTEBOOK}),
    "code": frozenset({Type.CODE, Type.PYTHON}),
}
"""Names of several types, or of one by what it is. No type is called so, but for code, which here includes Python's."""


class UnknownTypeNameError(PermanentError):
    """There is no type of that name, or it is not distinguished from others; seen by those who filter by it."""

    code = "unknown_type_name"
    action = f"Choose from the types {', '.join(Type)}, the families {', '.join(FAMILIES)}, or give an extension or a media type."


def document_types_named(name: str) -> frozenset[Type]:
    """The types of that name: a type, a family, an extension with or without its dot, or a media type.

    Raises:
        UnknownTypeNameError: there is none; or, as `.js`, it is one of many kinds of source code, which are one type.
    """
    wanted = name.strip().lower()
    if wanted in FAMILIES:
        return FAMILIES[wanted]
    wanted = EXTENSION_OF.get(wanted, wanted).removeprefix(".")
    if wanted in set(Type):
        return frozenset({Type(wanted)})
    found = EXTENSIONS.get(f".{wanted}")
    if found is None:
        raise UnknownTypeNameError(f"The document type {name[:80]!r} is not known.")
    if found is Type.CODE:
        raise UnknownTypeNameError(f"The document type {name[:80]!r} is not distinguished from other source code.")
    return frozenset({found})
