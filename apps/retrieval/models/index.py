"""Index generations, their embeddings, and the lexical index."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

from django.db import connection, models
from django.db.models import Func
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField

from apps.documents.models import Chunk, KnowledgeBase, PartsBy
from apps.models.models import ModelVersion
from ragsite.core.bounds import CONTENT, json_walls


class GenerationState(models.TextChoices):
    BUILDING = "building", _("Being built beside the live one")
    LIVE = "live", _("Answers searches")
    RETIRED = "retired", _("Kept for a roll-back")
    FILLING = "filling", _("Being filled, to answer where the live one's model does not")
    STANDBY = "standby", _("Answers where the live one's model does not")
    DROPPED = "dropped", _("Being removed")


class VectorStore(models.TextChoices):
    """Where the vectors of a generation are searched. PostgreSQL has them in any case."""

    POSTGRESQL = "postgresql", "PostgreSQL"
    MILVUS = "milvus", "Milvus"


_COUNTED = "coalesce((SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = to_regclass(%s)), 0)"
"""What the statistics of a partition say; in the catalogue, as whoever reads."""

KEPT_UP = (GenerationState.FILLING, GenerationState.STANDBY)
"""States of a smaller model's index beside the live one; see `reindexing/standby.py`."""


class IndexGeneration(models.Model):
    """Knowledge base x embedding model version x chunking settings.

    Its embeddings are in a partition of its own, which has its number; those of a divided one in a partition for each of its
    parts. `has_hnsw` and `quantised` are of that one partition, and each part has its own.
    """

    id = models.BigAutoField(primary_key=True)
    knowledge_base = models.ForeignKey(KnowledgeBase, on_delete=models.PROTECT, related_name="generations")
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="generations")
    chunking = models.JSONField()
    chunking_key = models.CharField(max_length=16)
    dimensions = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=10, choices=GenerationState.choices)
    has_hnsw = models.BooleanField(default=False, verbose_name=_("HNSW index"))
    store = models.CharField(
        max_length=12, choices=VectorStore.choices, default=VectorStore.POSTGRESQL, db_default=VectorStore.POSTGRESQL,
        help_text=_("Where its vectors are searched."),
    )  # fmt: skip
    collection = models.CharField(
        max_length=80, blank=True, default="", db_default="", editable=False,
        help_text=_("What its vectors are called in a store beside PostgreSQL."),
    )  # fmt: skip
    quantised = models.BooleanField(
        default=False, db_default=False, help_text=_("Its index has one bit of each of a vector's numbers.")
    )
    parts = models.CharField(
        max_length=5, choices=PartsBy.choices, default=PartsBy.NONE, db_default=PartsBy.NONE.value,
        help_text=_("By what its vectors are kept in parts."),
    )  # fmt: skip
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    retired_at = models.DateTimeField(null=True, editable=False, help_text=_("When it answered last."))

    parts_known: Sequence[IndexPart] | None = None
    """Its parts, where `parts_read` read them."""

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["knowledge_base"], condition=models.Q(state="live"), name="one_live_generation"
            ),
            models.UniqueConstraint(
                fields=["knowledge_base"], condition=models.Q(state__in=KEPT_UP), name="one_standby_generation"
            ),
            *json_walls("generation", chunking=CONTENT),
        ]

    def __str__(self) -> str:
        return gettext("generation %(number)s") % {"number": self.pk}

    @property
    def can_return(self) -> bool:
        """Whether it has been the live one and can be gone back to."""
        return self.retired_at is not None and self.state in (GenerationState.RETIRED, *KEPT_UP)

    @property
    def is_divided(self) -> bool:
        """Whether its vectors are kept in parts."""
        return self.parts != PartsBy.NONE

    @property
    def held_in(self) -> Sequence[Held]:
        """What has its vectors: itself, or its parts, as `parts_read` read them or else as they are at this moment."""
        return parts_now(self) if self.parts_known is None else self.parts_known

    @property
    def has_index(self) -> bool:
        """Whether there is an HNSW index in it."""
        return any(held.has_hnsw for held in self.held_in)

    @property
    def embeddings(self) -> models.QuerySet[Embedding]:
        """The vectors that it has now."""
        return Embedding.objects.filter(part_id__in=[held.pk for held in parts_now(self)])

    @cached_property
    def vector_estimate(self) -> int:
        """How many vectors its own partition has, as PostgreSQL last counted; asked for here, unless VECTOR_ESTIMATE was read
        with it.
        """
        return _counted(self.partition)

    @property
    def partition(self) -> str:
        """The table that holds its embeddings, where it is not divided."""
        return partition_named(self.pk)


class IndexPart(models.Model):
    """One of the parts of a divided generation, with a partition of embeddings of its own.

    Its number is never that of a generation either: both are from one sequence (migration 0032). The key is `2026-11`, `2026` or
    `pdf`, by what the generation is divided. A document's version never changes its part.
    """

    id = models.BigAutoField(primary_key=True)
    generation = models.ForeignKey(IndexGeneration, on_delete=models.PROTECT, related_name="index_parts")
    key = models.CharField(max_length=20)
    has_hnsw = models.BooleanField(default=False)
    quantised = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["generation", "key"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["generation", "key"], name="index_part_key")]

    def __str__(self) -> str:
        return f"{self.key} of {self.generation}"

    @property
    def dimensions(self) -> int:
        """How wide its vectors are."""
        return self.generation.dimensions

    @cached_property
    def vector_estimate(self) -> int:
        """As of a generation."""
        return _counted(self.partition)

    @property
    def partition(self) -> str:
        """The table that holds its embeddings."""
        return partition_named(self.pk)


Held = IndexGeneration | IndexPart
"""What has a partition of embeddings: a generation that is not divided, or a part of one that is."""


def partition_named(number: int) -> str:
    """The table of embeddings of a generation or part of that number."""
    return f"retrieval_embedding_g{number}"


def parts_now(generation: IndexGeneration) -> Sequence[Held]:
    """What has the generation's vectors at this moment: itself, or its parts in the order of their keys."""
    return list(parts_of([generation])) if generation.is_divided else [generation]


def parts_of(generations: Sequence[IndexGeneration]) -> models.QuerySet[IndexPart]:
    """The parts of divided generations, with the estimates of their sizes."""
    rows = IndexPart.objects.filter(generation__in=generations).annotate(**{"vector_estimate": VECTOR_ESTIMATE})
    return rows.select_related("generation").order_by("generation", "key")


def parts_read(generations: Sequence[IndexGeneration]) -> Sequence[IndexGeneration]:
    """The generations, after what has the vectors of them all was read in one statement, and in none where no one is divided."""
    divided = [generation for generation in generations if generation.is_divided]
    rows = list(parts_of(divided)) if divided else []
    for generation in divided:
        generation.parts_known = [part for part in rows if part.generation_id == generation.pk]
    return generations


def _counted(partition: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_COUNTED % '%s'}", [partition])
        return int(cursor.fetchone()[0])


VECTOR_ESTIMATE = Func(
    models.F("id"),
    template=_COUNTED % "'retrieval_embedding_g' || %(expressions)s",
    output_field=models.BigIntegerField(),
)
"""For `annotate(vector_estimate=VECTOR_ESTIMATE)`, where many generations, or parts, are read to be searched."""


class Embedding(models.Model):
    """A chunk's vector in one generation. The table is partitioned by generation and part; see migrations 0002 and 0032.

    The column has no fixed width, so that generations of different models live side by side; each partition checks its own.
    """

    pk = models.CompositePrimaryKey("part_id", "chunk")
    part_id = models.BigIntegerField(
        db_column="generation_id", help_text=_("The number of its generation, or of a part of that.")
    )
    chunk = models.ForeignKey(Chunk, on_delete=models.DO_NOTHING, related_name="embeddings")
    embedding = HalfVectorField()
    version_id = models.UUIDField(editable=False, help_text=_("Its chunk's; a trigger sees to it."))

    class Meta:
        db_table = "retrieval_embedding"


class StoredVersion(models.Model):
    """Whether a store beside PostgreSQL has what it should of a version in a generation; see `index/stores/ledger.py`.

    No constraint ties it to its generation or version: it stands until the store was told that they are gone.
    """

    pk = models.CompositePrimaryKey("generation_id", "version_id")
    generation_id = models.BigIntegerField()
    version_id = models.UUIDField()
    mark = models.BigIntegerField(help_text=_("Raised by every change."))
    is_held = models.BooleanField(help_text=_("Whether the store may have vectors of it."))
    settles_at = models.DateTimeField(
        null=True, help_text=_("From when on the store answers for it; none: the store is to be told of it.")
    )

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["version_id"], name="stored_version"),
            models.Index(fields=["generation_id", "settles_at"], name="stored_settles"),
            models.Index(
                fields=["generation_id", "version_id"], condition=models.Q(settles_at=None), name="stored_due"
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.version_id} of generation {self.generation_id} in a store"


class DroppedCollection(models.Model):
    """A collection that a store beside PostgreSQL is to remove, as its generation is gone."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=80, unique=True)
    store = models.CharField(max_length=12, choices=VectorStore.choices)
    generation_id = models.BigIntegerField(help_text=_("Of which it was."))

    def __str__(self) -> str:
        return self.name


class LexicalSegment(models.Model):
    """A piece of the lexical index of a knowledge base's chunks of one chunking. It never changes; see migration 0003.

    No constraint ties it to its knowledge base: who writes one waits for nobody's lock.
    """

    id = models.BigAutoField(primary_key=True)
    knowledge_base_id = models.UUIDField()
    chunking_key = models.CharField(max_length=16)
    chunk_count = models.PositiveIntegerField()
    languages = models.JSONField(help_text=_("How many of its chunks are in each."))
    analysis = models.PositiveSmallIntegerField(
        db_default=1, help_text=_("Which version of the analysis its terms are of.")
    )
    chunk_ids = models.BinaryField()
    lengths = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return f"lexical segment {self.pk}"


class LexicalPosting(models.Model):
    """Which chunks of a segment have a term, and how often: bytes as `apps.retrieval.index.lexical.segments` describes them."""

    pk = models.CompositePrimaryKey("segment", "term")
    segment = models.ForeignKey(LexicalSegment, on_delete=models.DO_NOTHING, related_name="postings")
    term = models.TextField(db_collation="C")
    ordinals = models.BinaryField()
    frequencies = models.BinaryField()

    def __str__(self) -> str:
        return self.term


class LexicalVersion(models.Model):
    """A version whose chunks lie in a segment, from the ordinal `first` on, under the title they were indexed with.

    A trigger takes the document away when that is removed: nobody can be asked any more who might read it.
    """

    pk = models.CompositePrimaryKey("version_id", "chunking_key")
    version_id = models.UUIDField()
    document_id = models.UUIDField(null=True)
    chunking_key = models.CharField(max_length=16)
    segment = models.ForeignKey(LexicalSegment, on_delete=models.DO_NOTHING, related_name="versions")
    first = models.PositiveIntegerField()
    chunk_count = models.PositiveIntegerField()
    title = models.TextField()
    language = models.TextField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["document_id"], name="lexical_version_document"),
            models.Index(fields=["segment"], condition=models.Q(document_id=None), name="lexical_version_removed"),
        ]

    def __str__(self) -> str:
        return f"version {self.version_id} in segment {self.segment_id}"


class FindableChange(models.Model):
    """A part of the mark of what can be found in a knowledge base; triggers of migration 0021 add one a transaction.

    The mark is the sum of all parts. No constraint ties it to its knowledge base: who changes something waits for nobody's lock.
    """

    pk = models.CompositePrimaryKey("knowledge_base_id", "transaction")
    knowledge_base_id = models.UUIDField()
    transaction = models.BigIntegerField(help_text=_("Which one made it; 0 for many that were put together."))
    mark = models.DecimalField(max_digits=40, decimal_places=0)

    def __str__(self) -> str:
        return f"change of {self.knowledge_base_id}"
