"""The history of settings and flags that were changed while the system runs; what holds now is its newest row at each place."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from ragsite.core.bounds import WORDS, json_walls
from ragsite.core.dynamic.places import Place


class SettingChange(models.Model):
    """What somebody set a setting or flag to, at a place, and what was set there before. None is nothing: then what is set above
    holds.
    """

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=80)
    tenant_id = models.UUIDField(null=True, help_text=_("Empty for the installation."))
    knowledge_base_id = models.UUIDField(null=True, help_text=_("Empty for all of the tenant."))
    value = models.JSONField(null=True)
    before = models.JSONField(null=True)
    is_current = models.BooleanField(db_default=True)
    at = models.DateTimeField(db_default=Now())
    actor = models.JSONField()

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name = _("change of a setting")
        verbose_name_plural = _("changes of settings")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["name", "tenant_id", "knowledge_base_id"],
                condition=models.Q(is_current=True),
                name="setting_current_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=models.Q(knowledge_base_id=None) | models.Q(tenant_id__isnull=False),
                name="setting_base_with_tenant",
            ),
            *json_walls("setting", value=WORDS, before=WORDS, actor=WORDS),
        ]
        indexes: ClassVar = [
            models.Index(fields=["name", "tenant_id", "knowledge_base_id", "-id"], name="setting_history"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def place(self) -> Place:
        return Place(self.tenant_id, self.knowledge_base_id)
