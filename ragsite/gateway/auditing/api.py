"""The REST door to the audit log: who did what in the key's tenant, and who was shown what."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters.rest_framework import ChoiceFilter, FilterSet, IsoDateTimeFilter, UUIDFilter
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers, viewsets

from ragsite.core.audit.models import AuditEntry, Outcome
from ragsite.gateway.auditing.finding import EntryFilters, entries_found, entries_of
from ragsite.gateway.authentication import caller
from ragsite.gateway.models import Permission
from ragsite.gateway.pagination import BoundedPagination
from ragsite.gateway.strictness import TextFilter

READING = dict.fromkeys(("GET", "HEAD", "OPTIONS"), Permission.AUDIT)
MOST_COUNTED = 10_000


class AuditPagination(BoundedPagination):
    """As everywhere, but nobody counts millions of entries for a page of them."""

    def get_count(self, queryset: Any) -> int:
        counted: int = queryset.order_by()[:MOST_COUNTED].count()
        return counted


class AuditActorSerializer(serializers.Serializer[AuditEntry]):
    """Who did it: `user`, `key`, `service` or `system`. Of a name that nobody has nothing is kept."""

    kind = serializers.CharField(source="actor_kind")
    id = serializers.CharField(source="actor_id")
    name = serializers.CharField(source="actor_name")


class AuditObjectSerializer(serializers.Serializer[AuditEntry]):
    """What it was done to; empty for nothing in particular. It may be gone."""

    type = serializers.CharField(source="object_type")
    id = serializers.CharField(source="object_id")
    name = serializers.CharField(source="object_name")


class AuditEntrySerializer(serializers.ModelSerializer[AuditEntry]):
    actor = AuditActorSerializer(source="*")
    object = AuditObjectSerializer(source="*")
    details = serializers.JSONField(help_text="What else is kept of the act; which fields there are depends on it.")

    class Meta:
        model = AuditEntry
        fields = ("id", "at", "action", "actor", "door", "request_id", "object", "outcome", "details")
        read_only_fields = fields


class AuditEntryFilter(FilterSet):
    """Each is exact, but for the period."""

    action = TextFilter(help_text="Such as `api_key.created` or `passages.shown`.")
    actor = TextFilter(help_text="The id or name of who did it.")
    object_type = TextFilter(help_text="Such as `document`.")
    object = TextFilter(help_text="The id of what it was done to.")
    knowledge_base = UUIDFilter(help_text="What was done to it, or in it.")
    request = TextFilter(help_text="The `X-Request-ID` of the request in which it was done.")
    outcome = ChoiceFilter(choices=Outcome.choices)
    since = IsoDateTimeFilter(help_text="From then on.")
    until = IsoDateTimeFilter(help_text="Before then.")
    before = UUIDFilter(help_text="Entries that are older than this one: how to go on beyond what is counted.")

    class Meta:
        model = AuditEntry
        fields: tuple[str, ...] = ()

    def filter_queryset(self, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        asked = {name: value for name, value in self.form.cleaned_data.items() if value}
        wanted = EntryFilters(
            actions=(asked["action"],) if "action" in asked else (),
            actor=asked.get("actor", ""),
            object_type=asked.get("object_type", ""),
            object_id=asked.get("object", ""),
            request_id=asked.get("request", ""),
            knowledge_base_id=str(asked.get("knowledge_base", "")),
            outcome=asked.get("outcome", ""),
            since=asked.get("since"),
            until=asked.get("until"),
            before=asked.get("before"),
        )
        return entries_found(queryset, wanted)


@extend_schema_view(
    list=extend_schema(summary="List entries of the audit log, the newest first", tags=["audit-entries"]),
    retrieve=extend_schema(summary="Look at an entry", tags=["audit-entries"]),
)
class AuditEntryViewSet(viewsets.GenericViewSet[AuditEntry], mixins.ListModelMixin, mixins.RetrieveModelMixin):
    """Who did what in the tenant, by which door, and who was shown which passages. Titles of documents that the key may not read
    are among it. `count` goes to 10,000.
    """

    permission_by_method = READING
    serializer_class = AuditEntrySerializer
    pagination_class = AuditPagination
    filterset_class = AuditEntryFilter
    queryset = AuditEntry.objects.none()
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[AuditEntry]:
        principal = caller(self.request)
        principal.require_whole_tenant()
        return entries_of(principal.tenant_id).order_by("-id")
