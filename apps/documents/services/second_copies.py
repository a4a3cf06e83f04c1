"""Copies of uploaded files in a second store: made of what it lacks, and removed once no document has the file.

PostgreSQL is the record: a row for each copy, written before the copy is made. Whoever dies in between leaves a row without a
moment, and its copy is made anew. What the second store could not be told is found again in the rows.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from apps.documents.blobs import PIECE_BYTES, BlobMissingError, blob_open, blob_store
from apps.documents.models import DocumentVersion
from apps.documents.paired_blobs import second_store
from apps.documents.upload_limits import storage_errors
from ragsite.core.backing_up import backup_under_way
from ragsite.core.bites import bites, walk, walk_note, walk_position
from ragsite.core.database import connection_release
from ragsite.core.errors import ConfigurationError, TransientError
from ragsite.core.ids import first_id_since
from ragsite.core.models import BlobCopy, Walk
from ragsite.core.storage.paired import DAMAGED, MISSING, DamagedBlobError
from ragsite.core.storage.places import SECOND_SETTING
from ragsite.core.storage.store import BlobStore, Parts
from ragsite.core.work import Turn

AT_ONCE, BYTES_AT_ONCE = 200, 128 * 1024 * 1024
"""Files that one bite copies at most, and what they may come to; a larger one is copied alone."""

THREADS = 8
PAGE = 2_000
"""Rows that one step of a walk looks at."""

FRESH = timedelta(hours=1)
"""Uploads of this age are looked at in each run; the walk through all finds whatever took longer to commit."""

WALK_AGAIN, REMOVE_AGAIN = timedelta(hours=6), timedelta(minutes=10)
TRY_AGAIN = timedelta(hours=1)
"""When a file that the first store has lost or damaged is tried again."""

LATE = timedelta(minutes=15)
COMPARED_LATE = timedelta(days=1)
COUNTED = 1_000


@dataclass(frozen=True, slots=True)
class Original:
    """An uploaded file as its version says that it is."""

    version_id: UUID
    name: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class SecondStoreState:
    """How complete the copies are: uploads of the last hour that have waited for theirs too long, up to `COUNTED`; files that the
    first store no longer has as they were; and when all uploads were last compared, if ever.
    """

    late: int
    faulty: int
    compared_at: datetime | None

    @property
    def is_old(self) -> bool:
        """Whether nobody has compared for long: the job does not get through."""
        return self.compared_at is not None and timezone.now() - self.compared_at > COMPARED_LATE


def copies_keep(turn: Turn) -> bool:
    """Copy to the second store what it lacks, the newest first, and remove from it what no version names; whether something is
    left.

    Raises:
        TransientError: one of the stores does not answer; what was copied is noted.
        ConfigurationError: the two are one.
    """
    second = second_store()
    if second is None:
        return False
    second_store_check(second)
    place = place_now()
    if bites(turn, partial(_fresh_copy, second, place)):
        return True
    left = _walk_due(_all(place), WALK_AGAIN) and walk(turn, _all(place), partial(_page_copy, second, place))
    return (_walk_due(_gone(place), REMOVE_AGAIN) and walk(turn, _gone(place), partial(_page_remove, second))) or left


def second_store_check(second: BlobStore) -> None:
    """Raises ConfigurationError: it is the folder where uploads lie already."""
    first = blob_store()
    if first.is_local and second.is_local and first.path("") == second.path(""):
        raise ConfigurationError(
            f"{SECOND_SETTING} names the folder where uploads lie already.", action="Give a folder of another disk."
        )


def second_store_state() -> SecondStoreState | None:
    """None where there is no second store. In a constant number of queries, each bounded."""
    if second_store() is None:
        return None
    place, now = place_now(), timezone.now()
    late = _fresh(place).filter(created_at__lt=now - LATE).values("pk")[:COUNTED]
    compared = walk_position(_whole(place))
    return SecondStoreState(
        late=late.count(),
        faulty=BlobCopy.objects.exclude(error="").values("name")[:COUNTED].count(),
        compared_at=parse_datetime(compared) if compared else None,
    )


def uploads() -> QuerySet[DocumentVersion]:
    """The versions whose bytes were uploaded; the others share theirs."""
    return DocumentVersion.objects.filter(rechunk_of=None)


def uncopied(place: str) -> QuerySet[DocumentVersion]:
    """The uploads that have no whole copy there."""
    copied = BlobCopy.objects.filter(name=OuterRef("blob"), place=place, copied_at__isnull=False)
    return uploads().filter(~Exists(copied))


def place_now() -> str:
    """What stands for the present second store in the rows."""
    entry = json.dumps(settings.STORAGES["second_blobs"], sort_keys=True)
    return hashlib.sha256(entry.encode()).hexdigest()[:16]


def copies_of(place: str) -> QuerySet[DocumentVersion]:
    """The uploads that have a whole copy there, as the rows say."""
    copied = BlobCopy.objects.filter(name=OuterRef("blob"), place=place, copied_at__isnull=False)
    return uploads().filter(Exists(copied)).order_by("pk")


def originals(rows: QuerySet[DocumentVersion]) -> Iterator[Original]:
    """The uploads as they must be, read as a stream."""
    return (Original(*one) for one in rows.values_list("pk", "blob", "content_hash", "size").iterator(PAGE))


def copy_is_whole(second: BlobStore, original: Original, *, forget: bool) -> bool:
    """Whether the copy has the bytes that were uploaded. One that has not is forgotten, and the job compares all of them
    again.

    Raises:
        TransientError: the store does not answer.
    """
    with storage_errors():
        try:
            with second.open(original.name) as stored:
                deque(_checked(stored.chunks(PIECE_BYTES), original), maxlen=0)
        except (FileNotFoundError, DamagedBlobError):
            if forget:
                BlobCopy.objects.filter(name=original.name).update(copied_at=None)
                Walk.objects.filter(name=_all(place_now())).delete()
            return False
    return True


def _all(place: str) -> str:
    """The names of the two walks, and of the note that one was at its end; a store of its own each has its own."""
    return f"copies {place}"


def _gone(place: str) -> str:
    return f"copies gone {place}"


def _whole(place: str) -> str:
    return f"copies whole {place}"


def _walk_due(name: str, pause: timedelta) -> bool:
    """Whether the walk is under way, or was last at its end longer ago."""
    return not Walk.objects.filter(name=name, position="", walked_at__gt=timezone.now() - pause).exists()


def _wanted(place: str) -> QuerySet[DocumentVersion]:
    """What to copy now: not yet again what the first store could not give."""
    postponed = BlobCopy.objects.filter(name=OuterRef("blob"), place=place, not_before__gt=Now())
    return uncopied(place).filter(~Exists(postponed)).order_by("pk")


def _fresh(place: str) -> QuerySet[DocumentVersion]:
    return _wanted(place).filter(pk__gte=first_id_since(timezone.now() - FRESH))


def _fresh_copy(second: BlobStore, place: str) -> bool:
    return len(_copy(second, place, _fresh(place))) > 0


def _page_copy(second: BlobStore, place: str, position: str) -> str:
    """A page of uploads is looked at, and what of it is missing copied, as much as a bite may; the walk goes on after that."""
    rows = uploads().filter(pk__gt=UUID(position)) if position else uploads()
    page = list(rows.order_by("pk").values_list("pk", flat=True)[:PAGE])
    if not page:
        walk_note(_whole(place), timezone.now().isoformat())
        return ""
    within = _wanted(place).filter(pk__gte=page[0], pk__lte=page[-1])
    done = _copy(second, place, within)
    return (
        str(done[-1].version_id if within.filter(pk__gt=done[-1].version_id).exists() else page[-1])
        if done
        else str(page[-1])
    )


def _copy(second: BlobStore, place: str, rows: QuerySet[DocumentVersion]) -> Sequence[Original]:
    """Copy the first of these uploads, and note what came of it."""
    portion = list(_portion(rows))
    names = sorted({one.name for one in portion})
    BlobCopy.objects.bulk_create(
        [BlobCopy(name=name, place=place, copied_at=None, error="") for name in names],
        update_conflicts=True, unique_fields=["name"], update_fields=["place", "copied_at", "error"],
    )  # fmt: skip
    connection_release()
    with ThreadPoolExecutor(THREADS, thread_name_prefix="copy") as pool:
        outcomes = list(pool.map(partial(_outcome, second), {one.name: one for one in portion}.values()))
    _note(dict(outcomes))
    return portion


def _portion(rows: QuerySet[DocumentVersion]) -> Iterator[Original]:
    found, size = rows.values_list("pk", "blob", "content_hash", "size")[:AT_ONCE], 0
    for original in (Original(*one) for one in found):
        size += original.size
        if size > BYTES_AT_ONCE and size > original.size:
            return
        yield original


def _outcome(second: BlobStore, original: Original) -> tuple[str, str | TransientError]:
    """The name, and "" for a copy that was made, what the first store did, or why it was not made now."""
    try:
        with storage_errors():
            _copy_one(second, original)
    except BlobMissingError:
        return original.name, MISSING
    except DamagedBlobError:
        return original.name, DAMAGED
    except TransientError as error:
        return original.name, error
    return original.name, ""


def _copy_one(second: BlobStore, original: Original) -> None:
    """A file that an interrupted copy left is replaced, in a bucket by itself. It is not removed beforehand: what comes late, as
    its disk hung, would remove what another has copied meanwhile.
    """
    try:
        _write(second, original)
    except FileExistsError:
        second.remove([original.name])
        _write(second, original)


def _write(second: BlobStore, original: Original) -> None:
    with blob_open(original.name) as stored:
        pieces = iter(partial(stored.read, PIECE_BYTES), b"")
        second.save(original.name, Parts(_checked(pieces, original)))


def _checked(pieces: Iterable[bytes], original: Original) -> Iterator[bytes]:
    """The pieces; after the last an error, if they are not the original's: nothing is kept then."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
        yield piece
    if digest.hexdigest() != original.sha256:
        raise DamagedBlobError(original.name)


def _note(outcomes: dict[str, str | TransientError]) -> None:
    """Raises TransientError: some were not copied, as a store does not answer."""
    copied = sorted(name for name, outcome in outcomes.items() if outcome == "")
    BlobCopy.objects.filter(name__in=copied).update(copied_at=Now(), error="")
    for fault in (MISSING, DAMAGED):
        names = sorted(name for name, outcome in outcomes.items() if outcome == fault)
        BlobCopy.objects.filter(name__in=names).update(error=fault, not_before=Now() + TRY_AGAIN)
    for outcome in outcomes.values():
        if isinstance(outcome, TransientError):
            raise outcome


def _page_remove(second: BlobStore, position: str) -> str:
    """Remove the copies of a page that no version names."""
    names = list(BlobCopy.objects.filter(name__gt=position).order_by("name").values_list("name", flat=True)[:PAGE])
    if not names:
        return ""
    named = set(DocumentVersion.objects.filter(blob__in=names).values_list("blob", flat=True))
    gone = sorted(set(names) - named)
    if gone and not backup_under_way():
        connection_release()
        with storage_errors():
            second.remove(gone)
        BlobCopy.objects.filter(name__in=gone).delete()
    return names[-1]
