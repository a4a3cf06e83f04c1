"""The REST door to settings and flags that change while the system runs: parse, call a service, answer.

The place is in the address: a knowledge base, the key's tenant, or with `level=installation` the installation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from apps.documents.api.serializers import ActorField
from apps.documents.rights.access import knowledge_base_visible
from ragsite.core.dynamic.changing import setting_history, setting_put_back, setting_set, setting_unset
from ragsite.core.dynamic.models import SettingChange
from ragsite.core.dynamic.places import INSTALLATION, Level, Place
from ragsite.core.dynamic.telling import FlagThere, SettingThere, flag_there, flags_there, setting_there, settings_there
from ragsite.gateway.authentication import Wanted, acting, caller
from ragsite.gateway.conditions import ETAG, IF_MATCH, Condition, condition_of, etag_of_value
from ragsite.gateway.idempotency import idempotent
from ragsite.gateway.models import Permission
from ragsite.gateway.problem_schemas import answering
from ragsite.gateway.strictness import StrictSerializer

MOST_TOLD = 100
"""Changes that a history tells, the newest first."""

OWNS: Wanted = (Permission.GRANTS, Permission.SETTINGS)
PLACE = ("level", "knowledge_base")
ADDRESSED = [
    OpenApiParameter(
        "level", str, enum=[Level.INSTALLATION.value, Level.TENANT.value],
        description="`tenant` if not given; `installation` takes the permission `settings:manage`.",
    ),
    OpenApiParameter("knowledge_base", OpenApiTypes.UUID, description="A knowledge base, in place of the level."),
]  # fmt: skip


class PlaceSerializer(StrictSerializer):
    level = serializers.ChoiceField(choices=[Level.INSTALLATION.value, Level.TENANT.value], required=False)
    knowledge_base = serializers.UUIDField(required=False)


class PlacedSerializer(serializers.Serializer[Any]):
    """What is told of a setting as of a flag."""

    level = serializers.CharField(source="place.level", help_text="`installation`, `tenant` or `knowledge_base`.")
    knowledge_base = serializers.UUIDField(source="place.knowledge_base_id", allow_null=True)
    source = serializers.CharField(  # type: ignore[assignment]  # a field of that name, and not what a field is read from
        help_text="Where that comes from: `default`, `environment`, `installation`, `tenant` or `knowledge_base`."
    )
    can_be_set = serializers.BooleanField(help_text="Whether it can be set at this level.")


class DynamicSettingSerializer(PlacedSerializer):
    """A setting at a place: what holds there, and what may be set."""

    name = serializers.CharField(source="row.name")
    variable = serializers.CharField(source="row.variable", help_text="The environment's, which it goes before.")
    description = serializers.CharField(source="row.description")
    type = serializers.CharField(
        source="row.kind", help_text="`boolean`, `integer`, `number`, `string`, or `choice`, a text."
    )
    default = serializers.JSONField(source="row.default")
    least = serializers.FloatField(source="row.values.least", allow_null=True)
    above = serializers.FloatField(source="row.values.above", allow_null=True, help_text="It must be more than that.")
    most = serializers.FloatField(source="row.values.most", allow_null=True)
    choices = serializers.ListField(child=serializers.CharField(), source="row.values.choices")
    levels = serializers.ListField(child=serializers.CharField(), source="row.levels")
    narrows = serializers.BooleanField(
        source="row.narrows", help_text="Whether it can be no more for a tenant or knowledge base than above it."
    )
    taken_up_by = serializers.CharField(source="row.taken_up", help_text="What first goes by a change.")
    value = serializers.JSONField(help_text="What holds there.")
    set_here = serializers.JSONField(source="own", help_text="What is set at this very place; null for nothing.")


class FlagRuleSerializer(StrictSerializer):
    """For whom a flag is on: for all or nobody; if for nobody, then still for these people, and so many of a hundred others."""

    on = serializers.BooleanField()
    percent = serializers.IntegerField(min_value=0, max_value=100, default=0)
    people = serializers.ListField(
        child=serializers.CharField(max_length=40), max_length=200, default=list, help_text="Ids of users and API keys."
    )


class FlagSerializer(PlacedSerializer):
    """A flag at a place, and the rule that holds there; without one it is as it is by default."""

    name = serializers.CharField(source="flag.name")
    title = serializers.CharField(source="flag.title")
    description = serializers.CharField(source="flag.description")
    default = serializers.BooleanField(source="flag.default")
    owner = serializers.CharField(source="flag.owner")
    removed_on = serializers.DateField(source="flag.removed_on", help_text="The day on which the flag goes.")
    rule = FlagRuleSerializer(allow_null=True)
    set_here = FlagRuleSerializer(source="own", allow_null=True)


class DynamicSettingsSerializer(serializers.Serializer[Any]):
    settings = DynamicSettingSerializer(many=True)


class FlagsSerializer(serializers.Serializer[Any]):
    flags = FlagSerializer(many=True)


@extend_schema_field({"oneOf": [{"type": "boolean"}, {"type": "number"}, {"type": "string"}]})
class SettableValue(serializers.JSONField):
    """A value of a setting; which ones it may have, its overview says."""


class SettingChangeSerializer(serializers.ModelSerializer[SettingChange]):
    """Null is nothing that was set at this place."""

    value = serializers.JSONField()
    before = serializers.JSONField()
    by = ActorField()

    class Meta:
        model = SettingChange
        fields = ("id", "at", "by", "before", "value")
        read_only_fields = fields


class SettingHistorySerializer(serializers.Serializer[Any]):
    """The newest first, the last 100."""

    changes = SettingChangeSerializer(many=True)


class NewValueSerializer(StrictSerializer):
    value = SettableValue()


class PutBackSerializer(StrictSerializer):
    change = serializers.IntegerField(min_value=1, help_text="The id of a change, before which it was as it shall be.")


class DynamicViewSet(viewsets.ViewSet):
    """What settings and flags have in common."""

    permission_by_method: ClassVar[dict[str, Wanted]] = dict.fromkeys(
        ("GET", "HEAD", "OPTIONS", "PUT", "POST", "DELETE"), OWNS
    )
    parameters_by_action: ClassVar[dict[str, tuple[str, ...]]] = dict.fromkeys(
        ("overview", "look", "change", "unset", "history", "put_back"), PLACE
    )
    there: ClassVar[Callable[..., Any]]
    """What holds of a name at a place."""

    serializer: ClassVar[type[serializers.Serializer[Any]]]

    def told(self, name: str, place: Place) -> Response:
        """How it is there, with its ETag."""
        found = type(self).there(name, place)
        return Response(self.serializer(found).data, headers={"ETag": etag_there(name, place, _own(found))})

    def set_to(self, request: Request, name: str, value: Any) -> Response:
        """Set it, if it is as the caller saw it."""
        place = place_of(request)
        type(self).there(name, place)
        check = _check(name, place, condition_of(request.headers))
        setting_set(name=name, place=place, value=value, actor=acting(request), check=check)
        return self.told(name, place)

    def unset_there(self, request: Request, name: str) -> Response:
        """Unset it, if it is as the caller saw it."""
        place = place_of(request)
        type(self).there(name, place)
        check = _check(name, place, condition_of(request.headers))
        setting_unset(name=name, place=place, actor=acting(request), check=check)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def history_of(self, request: Request, name: str) -> Response:
        """What was changed of it there."""
        place = place_of(request)
        type(self).there(name, place)
        return Response(SettingHistorySerializer({"changes": setting_history(name, place)[:MOST_TOLD]}).data)

    def back(self, request: Request, name: str) -> Response:
        """Have it as it was before a change."""
        place, body = place_of(request), PutBackSerializer(data=request.data)
        type(self).there(name, place)
        body.is_valid(raise_exception=True)
        setting_put_back(name=name, place=place, change=body.validated_data["change"], actor=acting(request))
        return self.told(name, place)


class DynamicSettingViewSet(DynamicViewSet):
    """Settings that change while the system runs."""

    there = staticmethod(setting_there)
    serializer = DynamicSettingSerializer

    @extend_schema(
        operation_id="settings_list",
        summary="List the settings that can be changed",
        parameters=ADDRESSED,
        responses=DynamicSettingsSerializer,
    )
    @answering("not_found")
    def overview(self, request: Request) -> Response:
        """What holds at a place, and where that comes from."""
        return Response(DynamicSettingsSerializer({"settings": settings_there(place_of(request))}).data)

    @extend_schema(summary="Look at a setting", parameters=[*ADDRESSED, ETAG], responses=DynamicSettingSerializer)
    def look(self, request: Request, name: str) -> Response:
        """With its `ETag`, which is that of what is set at this very place."""
        return self.told(name, place_of(request))

    @extend_schema(
        summary="Change a setting", parameters=[*ADDRESSED, IF_MATCH, ETAG], request=NewValueSerializer,
        responses=DynamicSettingSerializer,
    )  # fmt: skip
    @answering("invalid_setting")
    @idempotent(atomic=True)
    def change(self, request: Request, name: str) -> Response:
        """Every process goes by it within seconds."""
        body = NewValueSerializer(data=request.data)
        place_of(request)
        body.is_valid(raise_exception=True)
        return self.set_to(request, name, body.validated_data["value"])

    @extend_schema(summary="Unset a setting", parameters=[*ADDRESSED, IF_MATCH], responses={204: None})
    def unset(self, request: Request, name: str) -> Response:
        """What is set above it holds again. It is no error if nothing was set."""
        return self.unset_there(request, name)

    @extend_schema(summary="The changes of a setting", parameters=ADDRESSED, responses=SettingHistorySerializer)
    def history(self, request: Request, name: str) -> Response:
        """Who set it to what at this place, and when."""
        return self.history_of(request, name)

    @extend_schema(
        summary="Have a setting as it was before a change", parameters=ADDRESSED, request=PutBackSerializer,
        responses=DynamicSettingSerializer,
    )  # fmt: skip
    @answering("invalid_setting")
    @idempotent(atomic=True)
    def put_back(self, request: Request, name: str) -> Response:
        """Which is a change, too."""
        return self.back(request, name)


class FlagViewSet(DynamicViewSet):
    """Feature flags: behaviours that are switched off, or on for some, while the system runs."""

    there = staticmethod(flag_there)
    serializer = FlagSerializer

    @extend_schema(
        operation_id="flags_list", summary="List the feature flags", parameters=ADDRESSED, responses=FlagsSerializer
    )
    @answering("not_found")
    def overview(self, request: Request) -> Response:
        """The rules that hold at a place, and where they come from."""
        return Response(FlagsSerializer({"flags": flags_there(place_of(request))}).data)

    @extend_schema(summary="Look at a feature flag", parameters=[*ADDRESSED, ETAG], responses=FlagSerializer)
    def look(self, request: Request, name: str) -> Response:
        """With its `ETag`, which is that of what is set at this very place."""
        return self.told(name, place_of(request))

    @extend_schema(
        summary="Say for whom a feature flag is on", parameters=[*ADDRESSED, IF_MATCH, ETAG],
        request=FlagRuleSerializer, responses=FlagSerializer,
    )  # fmt: skip
    @answering("invalid_setting")
    @idempotent(atomic=True)
    def change(self, request: Request, name: str) -> Response:
        """Every process goes by it within seconds. A tenant's rule goes before the installation's."""
        body = FlagRuleSerializer(data=request.data)
        place_of(request)
        body.is_valid(raise_exception=True)
        return self.set_to(request, name, dict(body.validated_data))

    @extend_schema(summary="Unset a feature flag", parameters=[*ADDRESSED, IF_MATCH], responses={204: None})
    def unset(self, request: Request, name: str) -> Response:
        """The rule above it holds again, or its default. It is no error if nothing was set."""
        return self.unset_there(request, name)

    @extend_schema(summary="The changes of a feature flag", parameters=ADDRESSED, responses=SettingHistorySerializer)
    def history(self, request: Request, name: str) -> Response:
        """Who set it to what at this place, and when."""
        return self.history_of(request, name)

    @extend_schema(
        summary="Have a feature flag as it was before a change", parameters=ADDRESSED, request=PutBackSerializer,
        responses=FlagSerializer,
    )  # fmt: skip
    @answering("invalid_setting")
    @idempotent(atomic=True)
    def put_back(self, request: Request, name: str) -> Response:
        """Which is a change, too."""
        return self.back(request, name)


def place_of(request: Request) -> Place:
    """The place that the address names.

    Raises:
        ValidationError: it names none.
        PermissionDeniedError: it is not the caller's to change.
        NotFoundError: the knowledge base does not exist or is not for the caller.
    """
    named = PlaceSerializer(data={name: request.query_params[name] for name in PLACE if name in request.query_params})
    named.is_valid(raise_exception=True)
    asking, base_id = caller(request), named.validated_data.get("knowledge_base")
    if base_id is None and named.validated_data.get("level") == Level.INSTALLATION:
        asking.require(Permission.SETTINGS)
        return INSTALLATION
    asking.require(Permission.GRANTS)
    if base_id is not None:
        return Place.of_base(knowledge_base_visible(asking, base_id))
    asking.require_whole_tenant()
    return Place(asking.tenant_id)


def etag_there(name: str, place: Place, own: Any) -> str:
    """The ETag of what is set at a place; None for nothing."""
    return etag_of_value([name, place.id, own])


def _check(name: str, place: Place, condition: Condition) -> Callable[[Any], None]:
    return lambda own: condition.check(etag_there(name, place, own)) if condition.etags or own is not None else None


def _own(found: SettingThere | FlagThere) -> Any:
    if isinstance(found, FlagThere):
        return None if found.own is None else found.own.to_dict()
    return found.own


SETTINGS_VIEW = DynamicSettingViewSet.as_view({"get": "overview"})
SETTING_VIEW = DynamicSettingViewSet.as_view({"get": "look", "put": "change", "delete": "unset"})
SETTING_HISTORY_VIEW = DynamicSettingViewSet.as_view({"get": "history"})
SETTING_BACK_VIEW = DynamicSettingViewSet.as_view({"post": "put_back"})
FLAGS_VIEW = FlagViewSet.as_view({"get": "overview"})
FLAG_VIEW = FlagViewSet.as_view({"get": "look", "put": "change", "delete": "unset"})
FLAG_HISTORY_VIEW = FlagViewSet.as_view({"get": "history"})
FLAG_BACK_VIEW = FlagViewSet.as_view({"post": "put_back"})
