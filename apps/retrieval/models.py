"""Index generations, embeddings, and the record of questions and answers."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from pgvector.django import HalfVectorField

from apps.documents.models import Chunk, DocumentVersion, KnowledgeBase
from apps.models.models import ModelVersion
from apps.retrieval.evaluation import models as evaluation  # noqa: F401 - Django finds a package's models here
from apps.retrieval.reindexing import models as reindexing  # noqa: F401
from ragsite.core.ids import new_id
from ragsite.gateway.models import ApiKey, Tenant


class GenerationState(models.TextChoices):
    BUILDING = "building", "Being built beside the live one"
    LIVE = "live", "Answers searches"
    RETIRED = "retired", "Kept for a roll-back"
    DROPPED = "dropped", "Being removed"


class IndexGeneration(models.Model):
    """Knowledge base x embedding model version x chunking settings, with a partition of embeddings of its own."""

    id = models.BigAutoField(primary_key=True)
    knowledge_base = models.ForeignKey(KnowledgeBase, on_delete=models.PROTECT, related_name="generations")
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="generations")
    chunking = models.JSONField()
    chunking_key = models.CharField(max_length=16)
    dimensions = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=10, choices=GenerationState.choices)
    has_hnsw = models.BooleanField(default=False, verbose_name="HNSW index")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    retired_at = models.DateTimeField(null=True, editable=False, help_text="When it answered last.")

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["knowledge_base"], condition=models.Q(state="live"), name="one_live_generation"
            ),
        ]

    def __str__(self) -> str:
        return f"generation {self.pk}"

    @property
    def partition(self) -> str:
        """The table that holds this generation's embeddings."""
        return f"retrieval_embedding_g{self.pk}"


class Embedding(models.Model):
    """A chunk's vector in one generation. The table is partitioned by generation; see migration 0002.

    The column has no fixed width, so that generations of different models live side by side; each partition checks its own.
    """

    pk = models.CompositePrimaryKey("generation", "chunk")
    generation = models.ForeignKey(IndexGeneration, on_delete=models.DO_NOTHING, related_name="embeddings")
    chunk = models.ForeignKey(Chunk, on_delete=models.DO_NOTHING, related_name="embeddings")
    embedding = HalfVectorField()
    version_id = models.UUIDField(editable=False, help_text="Its chunk's; a trigger sees to it.")

    class Meta:
        db_table = "retrieval_embedding"


class LexicalSegment(models.Model):
    """A piece of the lexical index of a knowledge base's chunks of one chunking. It never changes; see migration 0003.

    No constraint ties it to its knowledge base: who writes one waits for nobody's lock.
    """

    id = models.BigAutoField(primary_key=True)
    knowledge_base_id = models.UUIDField()
    chunking_key = models.CharField(max_length=16)
    chunk_count = models.PositiveIntegerField()
    languages = models.JSONField(help_text="How many of its chunks are in each.")
    chunk_ids = models.BinaryField()
    lengths = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return f"lexical segment {self.pk}"


class LexicalPosting(models.Model):
    """Which chunks of a segment have a term, and how often: bytes as `apps.retrieval.lexical.segments` describes them."""

    pk = models.CompositePrimaryKey("segment", "term")
    segment = models.ForeignKey(LexicalSegment, on_delete=models.DO_NOTHING, related_name="postings")
    term = models.TextField(db_collation="C")
    ordinals = models.BinaryField()
    frequencies = models.BinaryField()

    def __str__(self) -> str:
        return self.term


class LexicalVersion(models.Model):
    """A version whose chunks lie in a segment, from the ordinal `first` on, under the title they were indexed with."""

    pk = models.CompositePrimaryKey("version_id", "chunking_key")
    version_id = models.UUIDField()
    chunking_key = models.CharField(max_length=16)
    segment = models.ForeignKey(LexicalSegment, on_delete=models.DO_NOTHING, related_name="versions")
    first = models.PositiveIntegerField()
    chunk_count = models.PositiveIntegerField()
    title = models.TextField()
    language = models.TextField()

    def __str__(self) -> str:
        return f"version {self.version_id} in segment {self.segment_id}"


class Query(models.Model):
    """A question somebody asked."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="queries")
    asked_by = models.CharField(max_length=120)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    api_key = models.ForeignKey(ApiKey, null=True, on_delete=models.SET_NULL, related_name="+")
    question = models.TextField()
    knowledge_base_ids = models.JSONField(default=list)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name_plural = "queries"

    def __str__(self) -> str:
        return self.question[:80]


class Answer(models.Model):
    """What was answered, by what, and how long each step took."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    query = models.OneToOneField(Query, on_delete=models.CASCADE, related_name="answer")
    text = models.TextField()
    found = models.BooleanField(help_text="Whether the documents held an answer.")
    generator = models.CharField(max_length=80)
    citation_count = models.PositiveIntegerField(
        default=0, db_default=0, help_text="As it was given; a purge takes citations away."
    )
    milliseconds = models.JSONField(default=dict, help_text="Each step of the pipeline.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return self.text[:80]


class Citation(models.Model):
    """The span of a document version that a claim of an answer rests on."""

    id = models.BigAutoField(primary_key=True)
    answer = models.ForeignKey(Answer, on_delete=models.CASCADE, related_name="citations")
    claim = models.PositiveSmallIntegerField(help_text="Which sentence of the answer, from 0.")
    version = models.ForeignKey(DocumentVersion, on_delete=models.CASCADE, related_name="citations")
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    quote = models.TextField()
    heading_path = models.JSONField(default=list)
    place = models.JSONField(null=True, blank=True)
    score = models.FloatField(help_text="Cosine similarity of the question and the quote.")

    class Meta:
        ordering: ClassVar = ["answer", "claim", "id"]

    def __str__(self) -> str:
        return self.quote[:80]
