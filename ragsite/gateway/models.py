"""Who calls: tenants, their members and API keys, and the requests they may repeat."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from ragsite.core.bounds import ANSWER, WORDS, json_walls, text_walls
from ragsite.core.ids import new_id
from ragsite.core.leases import Leased
from ragsite.core.limits import Per, Work


class Tenant(models.Model):
    """An organisation; nothing is ever seen across tenants."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60, unique=True)
    audit_days = models.PositiveIntegerField(
        _("days of the audit log"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Entries of the audit log are removed after so many days. Left empty, they are kept for ever."),
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(audit_days=None) | models.Q(audit_days__gte=1), name="tenant_audit_days"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Permission(models.TextChoices):
    """What an API key may do."""

    READ = "read", _("Read knowledge bases, documents and chunks")
    WRITE = "write", _("Create, change and delete knowledge bases and documents")
    QUERY = "query", _("Search and ask")
    GRANTS = "grants:manage", _("Say who may read which knowledge bases and documents")
    MODELS = "models:manage", _("Download, activate and remove models, which all tenants use")
    AUDIT = "audit:read", _("Read the audit log: who did what, and who was shown what")
    WORK = "work:manage", _("Follow the work on documents, retry, cancel and re-index")
    SETTINGS = "settings:manage", _("Change settings and flags of the installation, which hold for all tenants")


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
    """A secret an application calls with. Only its hash is kept; it is found by its prefix.

    After a rotation the former secret works until `former_until`. `knowledge_base_ids` are those that alone it may see.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=16, unique=True, editable=False)
    secret_hash = models.CharField(max_length=64, editable=False)
    permissions = ArrayField(models.CharField(max_length=20, choices=Permission.choices))
    knowledge_base_ids = ArrayField(
        models.UUIDField(), null=True, editable=False, help_text=_("Those it may see; empty for all of the tenant.")
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_by = models.CharField(
        max_length=40,
        default="",
        db_default="",
        editable=False,
        help_text=_("The door, and from what kind of network."),
    )
    rotated_at = models.DateTimeField(null=True, editable=False, help_text=_("When it was given its present secret."))
    former_hash = models.CharField(max_length=64, default="", db_default="", editable=False)
    former_until = models.DateTimeField(null=True, editable=False)
    former_used_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering: ClassVar = ["-created_at"]
        verbose_name = _("API key")
        constraints: ClassVar = json_walls("api_key", permissions=WORDS, knowledge_base_ids=WORDS)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class FamilyEnd(models.TextChoices):
    """Why tokens were ended before their time."""

    ASKED = "asked", _("ended by who had them")
    REUSED = "reused", _("ended, as a refresh token was used twice")


class TokenFamily(models.Model):
    """The tokens that were had with one exchange of a key, and by refreshing them since."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    api_key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="token_families")
    secret_hash = models.CharField(max_length=64, help_text=_("Of the key's secret that was shown."))
    number = models.PositiveIntegerField(default=0, help_text=_("How often it was refreshed."))
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(db_index=True, help_text=_("When its last refresh token ends."))
    revoked_at = models.DateTimeField(null=True)
    revoked_for = models.CharField(max_length=10, choices=FamilyEnd.choices, blank=True, default="")

    class Meta:
        verbose_name = _("family of tokens")
        verbose_name_plural = _("families of tokens")

    def __str__(self) -> str:
        return str(self.pk)


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


class WorkLimit(models.Model):
    """How much a tenant, one of its keys or one of its members may ask for. Where there is no row, the installation's setting
    holds.
    """

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    api_key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, null=True, related_name="+")
    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, null=True, related_name="+")
    work = models.CharField(max_length=20)
    per = models.CharField(max_length=10)
    amount = models.BigIntegerField(help_text=_("0 allows nothing."))

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "api_key", "membership", "work", "per"],
                name="limit_of_one_and_what",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=models.Q(api_key=None) | models.Q(membership=None), name="limit_of_a_key_or_a_member"
            ),
            models.CheckConstraint(condition=models.Q(work__in=[one.value for one in Work]), name="limit_work_known"),
            models.CheckConstraint(condition=models.Q(per__in=[one.value for one in Per]), name="limit_per_known"),
            models.CheckConstraint(condition=models.Q(amount__gte=0), name="limit_amount_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.work} {self.amount} {self.per}"


class QuotaUse(models.Model):
    """What was used of a day's or month's quota: the record behind the counters in Redis."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, null=True, related_name="+")
    whose = models.CharField(max_length=80)
    work = models.CharField(max_length=20)
    per = models.CharField(max_length=10)
    begins = models.DateField()
    used = models.BigIntegerField(db_default=0)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "whose", "work", "per", "begins"], name="quota_of_whom_and_when", nulls_distinct=False
            )
        ]
        indexes: ClassVar = [models.Index(fields=["begins"], name="quota_age")]

    def __str__(self) -> str:
        return f"{self.used} {self.work} of {self.whose} since {self.begins}"


class SignInTries(models.Model):
    """How often signing in failed, and until when nobody may try: of an account, an address, or a browser that is known."""

    id = models.BigAutoField(primary_key=True)
    whose = models.CharField(max_length=64, unique=True, help_text=_("SHA-256 of its kind and name."))
    failures = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField(db_index=True)
    free_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.failures} of {self.whose[:8]}…"


class SecondFactor(models.Model):
    """What a user shows beside the password. Who has the row alone can't sign in: see `ragsite.gateway.second_factors`."""

    id = models.BigAutoField(primary_key=True)
    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="second_factor")
    sealed_key = models.TextField()
    last_step = models.BigIntegerField(help_text=_("The step of time of the last code that was taken."))
    recovery_hashes = ArrayField(models.CharField(max_length=64), help_text=_("SHA-256 of those not used yet."))
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            *text_walls("second_factor", sealed_key=WORDS),
            *json_walls("second_factor", recovery_hashes=WORDS),
        ]

    def __str__(self) -> str:
        return str(self.user)


class ProvidedAccount(models.Model):
    """Somebody at an OIDC provider, by what never changes there, and whose account here that is."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="provided_accounts")
    issuer = models.CharField(max_length=500)
    subject = models.CharField(max_length=255)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["issuer", "subject"], name="provided_account_once")]

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer}"
