"""Documents by words of their titles, through an index of those words."""

from __future__ import annotations

from django.contrib.postgres.search import SearchQuery, SearchVectorField
from django.db.models import Func, QuerySet

from apps.documents.models import Document
from apps.documents.rights.access import documents_readable_by
from ragsite.gateway.roles import AnyUser

SEPARATORS = r"-_./\:,;()[]{}+&#@!?=~"
"""What stands between the words of a title. Names of files would be one word otherwise."""


class TitleWords(Func):
    """The words of a title, to the letter as migration 0016 has them: the index is of this expression."""

    template = (
        rf"to_tsvector('simple'::regconfig, translate(%(expressions)s, '{SEPARATORS}', '{' ' * len(SEPARATORS)}'))"
    )
    output_field = SearchVectorField()


def documents_titled(user: AnyUser, wanted: str) -> QuerySet[Document]:
    """The documents that a user of the admin may read, the newest first, whose titles have a word for each word of `wanted` that
    begins so.
    """
    words = "".join(" " if one in f"{SEPARATORS}'\\\0" else one for one in wanted).split()
    readable = documents_readable_by(user)
    if not words:
        return readable.none()
    query = SearchQuery(" & ".join(f"'{word}':*" for word in words), config="simple", search_type="raw")
    return readable.alias(title_words=TitleWords("title")).filter(title_words=query).order_by("-id")
