"""What nobody reads is refused, with the nearest right name: a misspelt field that is passed over changes what was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Model, QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from ragsite.gateway.names import unknown_names

PAGE = ("limit", "offset", "format")


class StrictSerializer(serializers.Serializer[Any]):
    """A body of Django REST framework, or a part of one."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (unknown := unknown_names(data, self.fields)):
            raise ValidationError({name: [sentence] for name, sentence in unknown.items()})
        return super().to_internal_value(data)


class StrictFilterBackend(DjangoFilterBackend):
    """Filters of a list, which may be narrowed by what its filter set names and by nothing else."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Model], view: APIView) -> QuerySet[Model]:
        if getattr(view, "action", "") == "list":
            kind = self.get_filterset_class(view, queryset)
            known = [*PAGE, *(kind.get_filters() if kind else ())]
            if unknown := unknown_names(request.query_params, known):
                raise ValidationError({name: [sentence] for name, sentence in unknown.items()})
        found: QuerySet[Model] = super().filter_queryset(request, queryset, view)
        return found
