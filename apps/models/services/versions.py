"""What becomes of a version: moves from state to state, each with its event. The caller's transaction holds the model's row."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Q

from apps.models.events import ModelRegistered, ModelUpdated
from apps.models.installed_model import ModelKind
from apps.models.models import MODEL_TRANSITIONS, Model, ModelStatus, ModelVersion
from ragsite.core.actors import Actor
from ragsite.core.errors import ConflictError, ModelNotFoundError
from ragsite.core.locking import rows_hold
from ragsite.core.outbox import emit


def model_hold(name: str, kind: ModelKind) -> Model:
    """The model of that name, made if need be, and locked so that its versions change one at a time.

    All of its kind are, as it may become the default instead of another.

    Raises:
        ConflictError: the name belongs to another kind of model.
    """
    Model.objects.get_or_create(name=name, defaults={"kind": kind})
    rows_hold(Model.objects.filter(Q(name=name) | Q(kind=kind)))
    model = Model.objects.get(name=name)
    if model.kind != kind:
        raise ConflictError(
            f"{name!r} is registered as {ModelKind(model.kind).label.lower()}, and this is {kind.label.lower()}.",
            action="Give the model another --name.",
        )
    return model


def version_found(version_id: UUID) -> ModelVersion:
    """The version of that id.

    Raises:
        ModelNotFoundError: there is none.
    """
    version = ModelVersion.objects.select_related("model").filter(pk=version_id).first()
    if version is None:
        raise ModelNotFoundError(f"No model version has the id {version_id}.", action="See `manage.py models list`.")
    return version


def version_hold(version: ModelVersion) -> ModelVersion:
    """The version as it is now, with its model's row locked."""
    Model.objects.select_for_update(no_key=True).get(pk=version.model_id)
    return ModelVersion.objects.select_related("model").get(pk=version.pk)


def version_registered(version: ModelVersion, *, actor: Actor) -> None:
    """Tell that a version became known."""
    emit(ModelRegistered(**told_of(version), status=version.status, source=version.source), actor=actor)


def version_move(version: ModelVersion, status: ModelStatus, *, actor: Actor, error: str = "", **columns: Any) -> None:
    """Let a version have another status, and with it what is known from then on.

    Raises:
        ConflictError: that status cannot follow its present one.
    """
    if status not in MODEL_TRANSITIONS[ModelStatus(version.status)]:
        raise ConflictError(f"{version} is {version.status} and cannot become {status}.")
    version_change(version, "status", actor=actor, status=status, error=error, **columns)


def version_change(version: ModelVersion, *changed: str, actor: Actor, **columns: Any) -> None:
    """Write columns of a version, and tell what `changed` of it."""
    for name, value in columns.items():
        setattr(version, name, value)
    version.save(update_fields=sorted(columns))
    version_tell(version, *changed, actor=actor)


def version_tell(version: ModelVersion, *changed: str, actor: Actor) -> None:
    """Tell what changed of a version."""
    emit(
        ModelUpdated(**told_of(version), status=version.status, changed=changed, error=version.error), actor=actor
    )  # fmt: skip


def version_use(version: ModelVersion, *, actor: Actor) -> None:
    """Make it its model's active version, and retire the one before, whose fallback it takes over if it names none itself."""
    active_before = ModelVersion.objects.filter(model=version.model_id, status=ModelStatus.ACTIVE)
    before = list(active_before.select_related("model", "fallback"))
    for active in before:
        version_move(active, ModelStatus.RETIRED, actor=actor)
    version_move(version, ModelStatus.ACTIVE, actor=actor)
    for smaller in (one.fallback for one in before if version.fallback_id is None):
        if smaller is not None and not leads_to(smaller, version):
            version_change(version, "fallback", actor=actor, fallback_id=smaller.pk)


def leads_to(version: ModelVersion, other: ModelVersion) -> bool:
    """Whether the other is this version, or one that it falls back to, directly or not."""
    seen: ModelVersion | None = version
    while seen is not None and seen.pk != other.pk:
        seen = seen.fallback
    return seen is not None


def version_use_if_first(version: ModelVersion, *, actor: Actor) -> None:
    """Use it if nothing else is in use: of its model no other version, and of its kind no other model by default."""
    model = version.model
    if not model.versions.filter(status=ModelStatus.ACTIVE).exists():
        version_use(version, actor=actor)
    if not Model.objects.filter(kind=model.kind, is_default=True).exists():
        model_make_default_of_kind(version, actor=actor)


def model_make_default_of_kind(version: ModelVersion, *, actor: Actor) -> None:
    """Use the version's model where no model of its kind is named. Rows of all models of the kind are held."""
    model = version.model
    if model.is_default:
        return
    Model.objects.filter(kind=model.kind, is_default=True).exclude(pk=model.pk).update(is_default=False)
    model.is_default = True
    model.save(update_fields=["is_default"])
    version_tell(version, "default", actor=actor)


def told_of(version: ModelVersion) -> dict[str, Any]:
    """What every event says of a version."""
    return {
        "model_id": version.model_id,
        "version_id": version.pk,
        "model": version.model.name,
        "kind": str(version.kind),
        "revision": version.revision,
    }
