"""Models, their versions, and which of them are in use."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import MD5, Coalesce, Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.models.installed_model import ModelKind
from apps.models.kinds import KINDS
from ragsite.core.bounds import CONTENT, WORDS, json_walls, text_walls
from ragsite.core.ids import new_id
from ragsite.core.leases import Leased

WITH_DIMENSIONS = sorted(kind.value for kind, row in KINDS.items() if row.has_dimensions)


class ModelStatus(models.TextChoices):
    REGISTERED = "registered", _("Registered")
    DOWNLOADING = "downloading", _("Downloading")
    READY = "ready", _("Ready")
    ACTIVE = "active", _("Active")
    RETIRED = "retired", _("Retired")
    FAILED = "failed", _("Failed")


# From each status, those that may follow it. A retired version may come back: that is a rollback. One that failed is downloaded
# or checked again.
MODEL_TRANSITIONS: dict[ModelStatus, frozenset[ModelStatus]] = {
    ModelStatus.REGISTERED: frozenset({ModelStatus.DOWNLOADING, ModelStatus.READY, ModelStatus.FAILED}),
    ModelStatus.DOWNLOADING: frozenset({ModelStatus.READY, ModelStatus.FAILED}),
    ModelStatus.READY: frozenset({ModelStatus.ACTIVE, ModelStatus.FAILED}),
    ModelStatus.ACTIVE: frozenset({ModelStatus.RETIRED, ModelStatus.FAILED}),
    ModelStatus.RETIRED: frozenset({ModelStatus.ACTIVE, ModelStatus.FAILED}),
    ModelStatus.FAILED: frozenset({ModelStatus.DOWNLOADING, ModelStatus.READY}),
}

MODEL_USABLE = frozenset({ModelStatus.READY, ModelStatus.ACTIVE, ModelStatus.RETIRED})
"""The files of such a version are whole: only these are ever loaded."""

IS_HERE = models.Q(server_model="")
"""Its files are on this installation's disks; of another only the servers are known that run it."""

INSTALLED = models.Q(status__in=sorted(MODEL_USABLE))


class Model(models.Model):
    """A model by name. Of each kind one may be the default: its active version is used where none is named."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=20, choices=ModelKind.choices)
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["kind"], condition=Q(is_default=True), name="model_one_default_a_kind"),
            models.UniqueConstraint(fields=["id", "kind"], name="model_kind_of_id"),
            models.CheckConstraint(condition=Q(kind__in=ModelKind.values), name="model_kind_known"),
        ]

    def __str__(self) -> str:
        return self.name


class ModelVersion(models.Model):
    """Certain weights of a model, identified by their digest, and the prompts they read. Neither is changed, only superseded.

    Its kind is its model's, which a foreign key over both columns sees to (migration 0002), so that a constraint can ask for it.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    model = models.ForeignKey(Model, on_delete=models.PROTECT, related_name="versions")
    kind = models.CharField(max_length=20, choices=ModelKind.choices, editable=False)
    revision = models.CharField(max_length=64, help_text=_("The hub's commit, or of a folder the weights' digest."))
    source = models.CharField(max_length=1000, help_text=_("The folder or hub id that was registered."))
    path = models.CharField(max_length=1000, blank=True, help_text=_("The folder that engines load."))
    sha256 = models.CharField("SHA-256", max_length=64, blank=True, help_text=_("Digest of the weights."))
    urls = models.JSONField(
        "URLs",
        default=list,
        db_default=[],
        blank=True,
        help_text=_("Of the servers that run it, where it is not run here."),
    )
    server_model = models.CharField(
        gettext("model there"),
        max_length=200,
        blank=True,
        db_default="",
        default="",
        help_text=_("What its servers call it."),
    )
    key_sealed = models.TextField(blank=True, db_default="", default="", editable=False)
    key_env = models.CharField(
        gettext("key variable"),
        max_length=100,
        blank=True,
        db_default="",
        default="",
        help_text=_("Holds the key for its servers."),
    )
    dimensions = models.PositiveIntegerField(
        null=True, help_text=_("Width of the vectors, where the kind gives vectors.")
    )
    max_tokens = models.PositiveIntegerField(
        null=True, help_text=_("Longest input, special tokens and prompt included.")
    )
    query_prompt = models.TextField(
        blank=True, db_default="", default="", help_text=_("What stands before each question.")
    )
    document_prompt = models.TextField(
        blank=True, db_default="", default="", help_text=_("What stands before each passage.")
    )
    status = models.CharField(max_length=20, choices=ModelStatus.choices, default=ModelStatus.REGISTERED)
    bytes = models.PositiveBigIntegerField(null=True, help_text=_("Of its files on disk."))
    licence = models.CharField(max_length=120, blank=True, default="", help_text=_("As its card says, if it does."))
    files = models.JSONField(default=list, help_text=_("Name, bytes and SHA-256 of each file."))
    error = models.TextField(blank=True, default="", help_text=_("Why it failed."))
    fallback = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text=_("Answers where this does not."),
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            # Digests, as an index takes no long texts.
            models.UniqueConstraint(
                "model",
                "revision",
                MD5("query_prompt"),
                MD5("document_prompt"),
                Coalesce("dimensions", 0),
                name="model_version_unique_revision",
            ),
            models.UniqueConstraint(
                fields=["model"], condition=Q(status=ModelStatus.ACTIVE), name="model_version_one_active"
            ),
            models.CheckConstraint(condition=Q(status__in=ModelStatus.values), name="model_version_status_known"),
            models.CheckConstraint(
                condition=Q(kind__in=WITH_DIMENSIONS, dimensions__isnull=False, dimensions__gt=0)
                | (~Q(kind__in=WITH_DIMENSIONS) & Q(dimensions=None))
                | (~INSTALLED & Q(dimensions=None)),
                name="model_version_dimensions_by_kind",
            ),
            models.CheckConstraint(
                condition=Q(max_tokens__isnull=False, max_tokens__gt=0) | (~(INSTALLED & IS_HERE) & Q(max_tokens=None)),
                name="model_version_has_max_tokens",
            ),
            models.CheckConstraint(
                condition=Q(sha256__regex=r"^[0-9a-f]{64}$") | (~(INSTALLED & IS_HERE) & Q(sha256="")),
                name="model_version_sha256_is_hex",
            ),
            models.CheckConstraint(
                condition=~Q(status=ModelStatus.FAILED) | ~Q(error=""), name="model_version_failed_says_why"
            ),
            models.CheckConstraint(
                condition=Q(server_model="", urls=[], key_sealed="", key_env="")
                | (~IS_HERE & ~Q(urls=[]) & Q(path="", sha256="")),
                name="model_version_here_or_there",
            ),
            *text_walls("model_version", error=WORDS, query_prompt=WORDS, document_prompt=WORDS, key_sealed=WORDS),
            *json_walls("model_version", files=CONTENT, urls=WORDS),
        ]

    def __str__(self) -> str:
        return f"{self.model.name} {self.revision[:12]}"

    @property
    def is_remote(self) -> bool:
        """Whether servers of its own run it, so that there are no files to download, check or load."""
        return self.server_model != ""

    @property
    def key_in_words(self) -> str:
        """Where the key for its servers is, and never the key."""
        if self.key_env:
            return gettext("in %(variable)s") % {"variable": self.key_env}
        return gettext("stored, encrypted") if self.key_sealed else gettext("none")


class TaskKind(models.TextChoices):
    """What a worker does with a version's files."""

    PULL = "pull", _("Download")
    VERIFY = "verify", _("Check")
    REMOVE = "remove", _("Remove")
    FOLDER = "folder", _("Add from a folder")


class TaskState(models.TextChoices):
    OPEN = "open", _("Open")
    CANCELLING = "cancelling", _("Being cancelled")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


TASK_OPEN = (TaskState.OPEN, TaskState.CANCELLING)
"""The states in which a worker has something to do."""


class ModelTask(Leased):
    """Work on the files of a version, done by a model worker under a lease: to download, to read, or to remove them.

    `attempts` counts the starts since the last progress. A download has no version before its repository was looked at. Prompts
    and dimensions that nobody chose are NULL: its files say them, or its family.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=10, choices=TaskKind.choices)
    state = models.CharField(max_length=10, choices=TaskState.choices, default=TaskState.OPEN)
    version = models.ForeignKey(ModelVersion, on_delete=models.SET_NULL, null=True, related_name="tasks")
    name = models.CharField(max_length=200, help_text=_("The model's."))
    source = models.CharField(max_length=1000, help_text=_("The hub's repository, or the folder that is added."))
    revision = models.CharField(max_length=64, help_text=_("The version's; empty until a folder was read."))
    commit = models.CharField(max_length=40, blank=True, default="", help_text=_("The hub's."))
    file = models.CharField(
        max_length=400, blank=True, default="", help_text=_("The weights to take, where there are several.")
    )
    sha256 = models.CharField(
        "SHA-256", max_length=64, blank=True, default="", help_text=_("What the weights must have.")
    )
    query_prompt = models.TextField(  # noqa: DJ001 - "" says nothing, and NULL was not chosen
        null=True, blank=True, help_text=_("What shall stand before each question.")
    )
    document_prompt = models.TextField(  # noqa: DJ001 - as above
        null=True, blank=True, help_text=_("What shall stand before each passage.")
    )
    dimensions = models.PositiveIntegerField(
        null=True, blank=True, help_text=_("How much of each vector shall be kept.")
    )
    folder = models.CharField(
        max_length=1000, blank=True, default="", help_text=_("What is removed, or added from the folder of models.")
    )
    plan = models.JSONField(null=True, help_text=_("The files, as the hub states them, or as far as they were read."))
    licence = models.CharField(max_length=120, blank=True, default="")
    bytes_total = models.PositiveBigIntegerField(null=True)
    bytes_done = models.PositiveBigIntegerField(default=0)
    error = models.TextField(blank=True, default="")
    actor = models.JSONField(null=True, editable=False, help_text=_("Who asked for it."))
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=TaskState.values), name="model_task_state_known"),
            models.CheckConstraint(
                condition=~Q(state=TaskState.FAILED) | ~Q(error=""), name="model_task_failed_says_why"
            ),
            models.UniqueConstraint(
                fields=["kind", "name", "revision"], condition=Q(state__in=TASK_OPEN), name="model_task_one_open"
            ),
            *text_walls("model_task", error=WORDS, query_prompt=WORDS, document_prompt=WORDS),
            *json_walls("model_task", plan=CONTENT, actor=WORDS),
        ]
        indexes: ClassVar = [
            models.Index(fields=["not_before", "id"], condition=Q(state__in=TASK_OPEN), name="model_task_work"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.name} {self.revision[:12]}".rstrip()

    @property
    def in_words(self) -> str:
        """How far it has come."""
        reason = f" {self.error}" if self.error else ""
        match self.state:
            case TaskState.OPEN if self.bytes_total is None:
                return gettext("Waiting.") + reason
            case TaskState.OPEN:
                counted = {"done": f"{self.bytes_done:,}", "total": f"{self.bytes_total:,}"}
                return gettext("%(done)s of %(total)s bytes.") % counted + reason
            case _:
                return f"{TaskState(self.state).label}.{reason}"


class ModelCache(models.Model):
    """A model that a worker process holds in memory, or held: how often it was used there says what to load when a worker starts.

    It says so every few seconds: what a silent worker held, nobody holds.
    """

    id = models.BigAutoField(primary_key=True)
    worker = models.CharField(max_length=120)
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="cached")
    device = models.CharField(max_length=40)
    bytes = models.PositiveBigIntegerField(help_text=_("Weights, and what it takes while it computes."))
    uses = models.PositiveBigIntegerField(default=0, help_text=_("Calls since it was loaded."))
    is_held = models.BooleanField(default=True)
    pinned = models.BooleanField(default=False, help_text=_("Never unloaded to make room."))
    loaded_at = models.DateTimeField()
    last_used_at = models.DateTimeField()
    told_at = models.DateTimeField(db_default=Now(), help_text=_("When its worker said so last."))

    class Meta:
        ordering: ClassVar = ["worker", "-last_used_at"]
        verbose_name = _("loaded model")
        constraints: ClassVar = [models.UniqueConstraint(fields=["worker", "version"], name="model_cache_of_worker")]

    def __str__(self) -> str:
        return f"{self.version} in {self.worker}"


class OrderKind(models.TextChoices):
    LOAD = "load", _("Load it, and keep it loaded")
    UNLOAD = "unload", _("Unload it")
    WARM = "warm", _("Load it, if it fits")


class ModelOrder(models.Model):
    """What model workers shall do with a version. Each looks for new ones every few seconds, and answers in words."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=10, choices=OrderKind.choices)
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="orders")
    worker = models.CharField(max_length=120, blank=True, default="", help_text=_("Empty for all."))
    answers = models.JSONField(default=dict, help_text=_("In words, by worker."))
    actor = models.JSONField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False, db_index=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(kind__in=OrderKind.values), name="model_order_kind_known"),
            *json_walls("model_order", answers=WORDS, actor=WORDS),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.version}"
