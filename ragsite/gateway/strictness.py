"""What nobody reads is refused, with the nearest right name: a misspelt field that is passed over changes what was asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from django.db.models import Model, QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from ninja import Schema
from pydantic import ConfigDict
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

PAGE = ("limit", "offset", "format")


class StrictBody(Schema):
    """A JSON body of django-ninja, or a part of one."""

    model_config = ConfigDict(extra="forbid")


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


def unknown_names(given: Iterable[Any], known: Collection[str]) -> dict[str, str]:
    """By each name that is not known a sentence on which one may be meant."""
    return {str(name)[:60]: unknown_sentence(str(name), known) for name in given if name not in known}


def unknown_sentence(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name.lower(), known, n=1)
    meant = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(sorted(known))}."
    return f"This is unknown. {meant}"


def body_names() -> set[str]:
    """The fields of all JSON bodies of django-ninja, whose errors don't say which names a body has."""
    bodies, names = [StrictBody], set[str]()
    while bodies:
        body = bodies.pop()
        bodies += body.__subclasses__()
        names |= body.model_fields.keys()
    return names
