"""Why a file can't be read. Each is shown to the person who uploaded it."""

from __future__ import annotations

from ragsite.core.errors import PermanentError


class UnknownTypeError(PermanentError):
    """The file's extension is not on the allow-list."""

    code = "unknown_type"


class TypeMismatchError(PermanentError):
    """The file's content is not what its extension says."""

    code = "type_mismatch"


class EmptyFileError(PermanentError):
    """The file has no bytes."""

    code = "empty_file"
    action = "Upload the file again; if it is still empty, save it again in the program that made it."


class BadFilenameError(PermanentError):
    """Nothing that can be shown is left of the file's name."""

    code = "bad_filename"
    action = "Rename the file, with letters or digits in its name, and upload it again."


class EncryptedFileError(PermanentError):
    """The file can't be read without a password."""

    code = "encrypted_file"
    action = "Save the file without a password and upload it again."


class DamagedFileError(PermanentError):
    """The file breaks the rules of its own format."""

    code = "damaged_file"
    action = "Open the file in the program that made it, save it again there and upload the new file."


class NoTextLayerError(PermanentError):
    """The pages are pictures."""

    code = "no_text_layer"
    action = "Run text recognition (OCR) on the file and upload the result."


class EmptyTextError(PermanentError):
    """The file is intact but has no words in it."""

    code = "empty_text"
    action = "Upload a file that contains text."


class TooLargeError(PermanentError):
    """Too many pages or too much text."""

    code = "too_large"
    action = "Split the file into smaller ones and upload those."


class UnsafeArchiveError(PermanentError):
    """The file, or a part of it, unpacks to far more than it should."""

    code = "unsafe_archive"
    action = "Save the document again without its large attachments, and upload that."


class UnsafeXmlError(PermanentError):
    """The file's XML declares entities of its own, as attacks do and office programs never do."""

    code = "unsafe_xml"
    action = "Save the document again in the program that made it, and upload that."


class TooDeepError(PermanentError):
    """The file's parts lie inside one another at a depth that no ordinary file has."""

    code = "too_deep"
    action = "Save the file with flatter contents and upload it again."


class NestedArchiveError(PermanentError):
    """An archive inside an archive is not opened."""

    code = "nested_archive"
    action = "Unpack the inner archive and upload its files."
