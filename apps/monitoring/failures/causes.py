"""Why documents can't be read, in words, and what mends it: a row for each error code that is known."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Words = str | Promise


class Mend(StrEnum):
    """What is tried first: the same bytes again, or other ones."""

    RETRY = "retry"
    NEW_VERSION = "new_version"


@dataclass(frozen=True, slots=True)
class Cause:
    """What happened, what mends it, and by which button."""

    title: Words
    advice: Words
    mend: Mend


def _file(title: Words, advice: Words) -> Cause:
    return Cause(title, advice, Mend.NEW_VERSION)


def _system(title: Words, advice: Words) -> Cause:
    return Cause(title, advice, Mend.RETRY)


_LATER = _("Nothing is wrong with the files. Retry them.")

CAUSES: dict[str, Cause] = {
    "damaged_file": _file(
        _("The file is damaged"),
        _("Open it in the program that made it, save it again, and upload that as a new version."),
    ),
    "encrypted_file": _file(
        _("The file is protected with a password"), _("Save it without a password, and upload that as a new version.")
    ),
    "no_text_layer": _file(
        _("The pages are pictures"), _("Run text recognition (OCR) on the file, and upload that as a new version.")
    ),
    "empty_text": _file(
        _("There is no text in the file"), _("Upload a version that has text, or delete the document.")
    ),
    "empty_file": _file(_("The file is empty"), _("Save it again, and upload that as a new version.")),
    "too_large": _file(_("There is too much in the file"), _("Split it, and upload the parts as documents.")),
    "unsafe_archive": _file(
        _("The file unpacks to far more than it should"),
        _("Save it again without its large attachments, and upload that as a new version."),
    ),
    "unsafe_xml": _file(
        _("The file has parts that office programs never write"),
        _("Save it again in the program that made it, and upload that as a new version."),
    ),
    "too_deep": _file(
        _("The file's parts are nested too deep"), _("Save it with flatter contents, and upload that as a new version.")
    ),
    "nested_archive": _file(
        _("There is an archive inside an archive"), _("Unpack the inner archive, and upload its files.")
    ),
    "type_mismatch": _file(
        _("The content is not what the file's name says"),
        _("Save it in the format that its ending names, and upload that as a new version."),
    ),
    "invalid_chunking": _system(
        _("The document can't be cut by its chunking settings"),
        _("Change how the document or the knowledge base is cut, then retry."),
    ),
    "blob_damaged": _file(_("The uploaded file was damaged in the storage"), _("Upload it again as a new version.")),
    "blob_missing": _file(_("The uploaded file is gone from the storage"), _("Upload it again as a new version.")),
    "too_slow": _system(
        _("It took longer than it may"), _("Retry. If it happens again, split the file and upload the parts.")
    ),
    "too_much_memory": _system(
        _("It needs more memory than a worker has"), _("Split the file, or give the workers more memory and retry.")
    ),
    "too_many_attempts": _system(
        _("The worker died at it each time"), _("Look at the worker's log, mend the cause there, then retry.")
    ),
    "worker_died": _system(_("The worker died at it"), _LATER),
    "storage_full": _system(_("The storage was full"), _("Free some space, then retry.")),
    "storage_failed": _system(_("The storage could not be used"), _("Check the storage, then retry.")),
    "database_error": _system(_("The database refused the work"), _("Check that the database is well, then retry.")),
    "model_unavailable": _system(
        _("No model was there to embed it"), _("Check that a model worker is running, then retry.")
    ),
    "model_not_found": _system(
        _("The knowledge base's model is gone"), _("Register the model again, or re-index with another, then retry.")
    ),
    "model_server_refused": _system(
        _("The model's server refused the text"), _("Look at the model's settings, then retry.")
    ),
    "model_key_refused": _system(_("The model's server refused the key"), _("Give the model a valid key, then retry.")),
    "model_server_unreachable": _system(
        _("The model's server did not answer"), _("Check that the server is running, then retry.")
    ),
    "service_unavailable": _system(_("A server that is needed did not answer"), _LATER),
    "deadline_exceeded": _system(_("The model took too long"), _LATER),
    "index_switched": _system(_("The index was switched meanwhile"), _LATER),
    "settings_changed": _system(_("The settings were changed meanwhile"), _LATER),
    "unexpected_error": _system(
        _("The worker failed unexpectedly"), _("Retry. If it happens again, look at the worker's log.")
    ),
}

UNKNOWN = _system(_("It failed for another reason"), _("Read what the examples say, mend that, then retry."))


def cause_of(error_code: str) -> Cause:
    """What is known of an error code."""
    return CAUSES.get(error_code, UNKNOWN)
