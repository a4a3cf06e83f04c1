"""Documents, and the grants that say who may read them or a knowledge base."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.documents.document_names import document_name
from apps.documents.models.knowledge_bases import KnowledgeBase
from ragsite.core.bounds import CONTENT, json_walls
from ragsite.core.ids import new_id
from ragsite.gateway.models import ApiKey, Role, Tenant
from ragsite.gateway.roles import GRANTED_ROLES

LIVING = models.Q(deleted_at=None, knowledge_base__deleted_at=None)
"""Of documents: those that are there. A knowledge base is marked as deleted before its documents are."""

LIVING_VERSIONS = models.Q(document__deleted_at=None, document__knowledge_base__deleted_at=None)
"""The versions of these."""

KEPT_BY_TRIGGER = ("document_type", "language", "told", "updated_at")
"""Of a document; code that saves one and shows it reads these again."""


class Document(models.Model):
    """A document as people know it; what it says is in its versions.

    `document_type`, `language` and `told` are those of the current version, and with `updated_at` are kept by a trigger
    (migrations 0008 and 0030): a search filters by them, and a list shows them, without reading another table.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="documents")
    knowledge_base = models.ForeignKey(KnowledgeBase, on_delete=models.PROTECT, related_name="documents")
    title = models.CharField(max_length=300)
    external_id = models.CharField(max_length=200, blank=True, default="", help_text=_("The caller's own id."))
    content_hash = models.CharField(
        max_length=64, editable=False, help_text=_("SHA-256 of the newest version's bytes.")
    )
    reserves_content = models.BooleanField(
        default=True,
        db_default=True,
        editable=False,
        help_text=_("Whether no other document is made of these bytes: from its upload until its bytes change."),
    )
    metadata = models.JSONField(default=dict, blank=True)
    tags = ArrayField(models.TextField(), default=list, db_default=[], blank=True)
    restricted = models.BooleanField(
        default=False, db_default=False, help_text=_("Whether only a grant on the document itself lets it be read.")
    )
    chunking = models.JSONField(
        default=dict,
        blank=True,
        help_text=_("Chunking settings that replace those of the knowledge base; empty for none."),
    )
    current_version = models.OneToOneField(
        "DocumentVersion", null=True, blank=True, on_delete=models.SET_NULL, related_name="current_of", editable=False
    )
    document_type = models.CharField(
        max_length=20, db_default="", editable=False, help_text=_("Of the current version.")
    )
    language = models.CharField(max_length=8, db_default="", editable=False, help_text=_("Of the current version."))
    told = models.CharField(
        max_length=300,
        default="",
        db_default="",
        editable=False,
        help_text=_("The title that the current version's file tells itself."),
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(
        db_default=Now(), editable=False, help_text=_("When what it says, or what is said about it, last changed.")
    )
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            GinIndex(OpClass("metadata", "jsonb_path_ops"), name="document_metadata"),
            GinIndex(fields=["tags"], name="document_tags"),
            models.Index(
                fields=["knowledge_base", "content_hash"], condition=models.Q(deleted_at=None), name="document_content"
            ),
            models.Index(fields=["deleted_at"], condition=models.Q(deleted_at__isnull=False), name="document_deleted"),
            models.Index(
                fields=["knowledge_base", "title", "id"], condition=models.Q(deleted_at=None), name="document_by_title"
            ),
            models.Index(
                fields=["knowledge_base", "id"], condition=models.Q(restricted=True), name="document_restricted"
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["knowledge_base", "content_hash"],
                condition=models.Q(deleted_at=None, reserves_content=True),
                name="document_content_reserved",
            ),
            models.UniqueConstraint(
                fields=["knowledge_base", "external_id"],
                condition=models.Q(deleted_at=None) & ~models.Q(external_id=""),
                name="document_external_id_of_knowledge_base",
            ),
            *json_walls("document", metadata=CONTENT, tags=CONTENT, chunking=CONTENT),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """What people call it; `title` is what it was uploaded as, or renamed to."""
        return document_name(self.title, self.told)

    @property
    def name_and_title(self) -> str:
        """Where nothing may be mistaken: `Adobe 2022 10K (ADOBE_2022_10K.pdf)`."""
        return self.name if self.name == self.title else f"{self.name} ({self.title})"


class Grant(models.Model):
    """A knowledge base or a document may be read by a user, by the users of a group, or by an API key.

    `tenant` is that of the knowledge base or document. A grant never reaches across tenants: who reads is asked first.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="grants", editable=False)
    knowledge_base = models.ForeignKey(KnowledgeBase, null=True, on_delete=models.CASCADE, related_name="grants")
    document = models.ForeignKey(Document, null=True, on_delete=models.CASCADE, related_name="grants")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="grants")
    group = models.ForeignKey(Group, null=True, on_delete=models.CASCADE, related_name="grants")
    api_key = models.ForeignKey(ApiKey, null=True, on_delete=models.CASCADE, related_name="grants")
    role = models.CharField(
        max_length=10,
        choices=[(role, role.label) for role in GRANTED_ROLES],
        default=Role.READER,
        db_default=Role.READER,
        help_text=_("What people may in that knowledge base beside what their role in the tenant allows."),
    )
    granted_by = models.CharField(max_length=120, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(role=Role.READER)
                | models.Q(role__in=[Role.EDITOR, Role.OWNER], knowledge_base__isnull=False, api_key=None),
                name="grant_role_of_people_in_a_base",
            ),
            models.CheckConstraint(
                condition=models.Q(knowledge_base=None) ^ models.Q(document=None), name="grant_on_one_thing"
            ),
            models.CheckConstraint(
                condition=(models.Q(user=None) & models.Q(group=None) & models.Q(api_key__isnull=False))
                | (models.Q(user=None) & models.Q(group__isnull=False) & models.Q(api_key=None))
                | (models.Q(user__isnull=False) & models.Q(group=None) & models.Q(api_key=None)),
                name="grant_to_one_subject",
            ),
            models.UniqueConstraint(
                fields=["knowledge_base", "document", "user", "group", "api_key"],
                name="grant_once",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return gettext("%(subject)s reads %(what)s") % {
            "subject": self.subject_text,
            "what": self.knowledge_base or self.document,
        }

    @property
    def subject_text(self) -> str:
        """`user anna`, `group Harbour masters` or `API key reader (1f2e…)`."""
        if self.user is not None:
            return gettext("user %(name)s") % {"name": self.user}
        if self.group is not None:
            return gettext("group %(name)s") % {"name": self.group}
        return gettext("API key %(name)s") % {"name": self.api_key}
