"""Who calls: tenants, their members and API keys, and the requests they may repeat."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from ragsite.core.bounds import ANSWER, WORDS, json_walls, text_walls
from ragsite.core.ids import new_id
from ragsite.core.leases import Leased


class Tenant(models.Model):
    """An organisation; nothing is ever seen across tenants."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60, unique=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class Permission(models.TextChoices):
    """What an API key may do."""

    READ = "read", _("Read knowledge bases, documents and chunks")
    WRITE = "write", _("Create, change and delete knowledge bases and documents")
    QUERY = "query", _("Search and ask")
    GRANTS = "grants:manage", _("Say who may read which knowledge bases and documents")
    MODELS = "models:manage", _("Download, activate and remove models, which all tenants use")
    WORK = "work:manage", _("Follow the work on documents, retry, cancel and re-index")


class Role(models.TextChoices):
    """What a user is in a tenant. Reader, editor, owner: each may what the one before it may; an operator stands beside them."""

    READER = "reader", _("Reader: reads, searches and asks")
    EDITOR = "editor", _("Editor: also creates, changes and deletes")
    OWNER = "owner", _("Owner: also says who may read what")
    OPERATOR = "operator", _("Operator: looks after the work, and reads neither documents nor questions")


class Membership(models.Model):
    """A user belongs to a tenant. Without one a user is nobody there, whatever was granted."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.READER)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["tenant", "user"]
        verbose_name = _("member")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "tenant"], name="membership_of_user_in_tenant"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.tenant}"


class ApiKey(models.Model):
    """A secret an application calls with. Only its hash is kept; it is found by its prefix."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=16, unique=True, editable=False)
    secret_hash = models.CharField(max_length=64, editable=False)
    permissions = ArrayField(models.CharField(max_length=20, choices=Permission.choices))
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["-created_at"]
        verbose_name = _("API key")
        constraints: ClassVar = json_walls("api_key", permissions=WORDS)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class IdempotencyRecord(Leased):
    """A request that was sent under an `Idempotency-Key`: held by a lease while it runs, with its answer afterwards."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text=_("SHA-256 of method, address, fields and files."))
    status = models.PositiveSmallIntegerField(
        null=True, help_text=_("HTTP status of the answer; empty while there is none.")
    )
    content_type = models.CharField(max_length=80, blank=True, default="")
    body = models.BinaryField(default=b"")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "key"], name="idempotency_key_of_tenant"),
            *text_walls("idempotency", body=ANSWER),
        ]
        indexes: ClassVar = [models.Index(fields=["created_at"], name="idempotency_age")]

    def __str__(self) -> str:
        return self.key


class SignInTries(models.Model):
    """How often signing in failed, and until when nobody may try: of an account, an address, or a browser that is known."""

    id = models.BigAutoField(primary_key=True)
    whose = models.CharField(max_length=64, unique=True, help_text=_("SHA-256 of its kind and name."))
    failures = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField(db_index=True)
    free_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.failures} of {self.whose[:8]}…"
