"""What stays of each subject, and why, as each report says it."""

from __future__ import annotations

from collections.abc import Mapping

from apps.retrieval.models import ErasureSubject

_ENTRIES = (
    "audit_entries",
    "The audit log still says what was done and when, by ids; the words are erased, and each use of that is told there.",
)
_ELSEWHERE = (
    _ENTRIES,
    ("backups", "They are outside of the system; delete or replace them as you keep them."),
    ("published_events", "Consumers of the event erasure.done delete what they keep."),
    ("streams", "Events of answers that were streamed go by themselves ten minutes after their end."),
    (
        "copies_in_memory",
        "A web process may hold copies of answers in memory, which nobody is given, until they are too old.",
    ),
    (
        "index_words",
        "Words of a removed document, which nothing finds, go with the next merge of the index, in minutes.",
    ),
)
KEPT: Mapping[str, tuple[tuple[str, str], ...]] = {
    ErasureSubject.DOCUMENT: _ELSEWHERE,
    ErasureSubject.USER: (
        ("documents", "What the user uploaded is the tenant's; erase documents one by one."),
        ("account", "The account stays where it belongs to another tenant or administers the system."),
        *_ELSEWHERE,
    ),
    ErasureSubject.TENANT: (
        (
            "rows_without_names",
            "The tenant, its knowledge bases and keys stay as rows without a name, as others refer to them.",
        ),
        ("accounts", "Accounts stay that belong to another tenant or administer the system."),
        *_ELSEWHERE,
    ),
}
