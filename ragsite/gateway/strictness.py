"""What nobody reads is refused, with the nearest right name: a misspelt field that is passed over changes what was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from django.db.models import Model, QuerySet
from django.http import QueryDict
from django_filters.rest_framework import CharFilter, DjangoFilterBackend
from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from ragsite.gateway.names import PAGE, unknown_names

JSON_TYPES: tuple[tuple[type[serializers.Field[Any, Any, Any, Any]], tuple[type, ...], str], ...] = (
    (serializers.BooleanField, (bool,), "true or false"),
    (serializers.IntegerField, (int,), "a whole number"),
    (serializers.FloatField, (int, float), "a number"),
    (serializers.CharField, (str,), "a text"),
    (serializers.UUIDField, (str,), "a text"),
)
"""What a field of a JSON body is; a form has texts alone."""


class StrictSerializer(serializers.Serializer[Any]):
    """A body of Django REST framework, or a part of one.

    `openapi` has what its fields don't say: how they depend on each other, as JSON Schema.
    """

    openapi: ClassVar[Mapping[str, Any]] = {}

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            if unknown := unknown_names(data, self.fields):
                raise ValidationError({name: [sentence] for name, sentence in unknown.items()})
            if not isinstance(data, QueryDict) and (wrong := dict(_mistyped(data, self.fields))):
                raise ValidationError(wrong)
        return super().to_internal_value(data)


class StrictSchema(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Tells the OpenAPI generator what a strict body refuses."""

    target_class = StrictSerializer
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> Any:
        schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        for name, field in self.target.fields.items():
            if isinstance(field, serializers.CharField) and not field.allow_blank and name in schema["properties"]:
                schema["properties"][name].setdefault("pattern", r"\S")
            if isinstance(field, serializers.ListSerializer) and not field.allow_empty:
                schema["properties"][name]["minItems"] = 1
        return {**schema, "additionalProperties": False, **self.target.openapi}


@extend_schema_field({"type": "string", "minLength": 1})
class TextFilter(CharFilter):
    """By a text, which is not empty."""


class StrictFilterBackend(DjangoFilterBackend):
    """Filters of a list, which may be narrowed by what its filter set names and by nothing else."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Model], view: APIView) -> QuerySet[Model]:
        if getattr(view, "action", "") == "list":
            kind = self.get_filterset_class(view, queryset)
            known = [*PAGE, "format", *(kind.get_filters() if kind else ())]
            wrong = unknown_names(request.query_params, known) | _empty(request.query_params)
            if wrong:
                raise ValidationError({name: [sentence] for name, sentence in wrong.items()})
        found: QuerySet[Model] = super().filter_queryset(request, queryset, view)
        return found


def _mistyped(data: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """What is of another type than its field, whatever it could be turned into."""
    for name, value in data.items():
        if value is None:
            continue
        for kind, types, what in JSON_TYPES:
            if isinstance(known[name], kind):
                if not _is_of(value, types):
                    yield name, [f"This is not {what}."]
                break


def _is_of(value: object, types: tuple[type, ...]) -> bool:
    """JSON has one kind of number, so 64.0 is whole; JSON's true is none."""
    if isinstance(value, bool):
        return bool in types
    return isinstance(value, types) or (int in types and isinstance(value, float) and value.is_integer())


def _empty(given: Mapping[str, str]) -> dict[str, str]:
    return {name: "This is empty. Leave it out, or give a value." for name, value in given.items() if value == ""}
