"""What is a model to a client of OpenAI's API: each knowledge base by its name, all of them together, and embedding models."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.text import slugify

from apps.documents.rights.access import AccessScope, access_scope, knowledge_bases_visible
from apps.models.installed_model import ModelKind
from apps.models.models import ModelStatus
from apps.models.selectors import model_versions
from ragsite.core.errors import ModelNotFoundError, NotFoundError, PermanentError
from ragsite.gateway.keys import Principal

ALL = "ragsite"
"""All knowledge bases that the caller may read; one that has this name goes by its id."""

LIST = "`GET /v1/models` lists them."


@dataclass(frozen=True, slots=True)
class NamedModel:
    """Something that can be named as `model`: a knowledge base or an embedding model, by its id here; ALL has none."""

    name: str
    kind: str
    id: UUID | None = None
    created_at: datetime | None = None


def models_named(principal: Principal) -> list[NamedModel]:
    """All that the caller may name: first those that answer, then those that embed."""
    return [NamedModel(ALL, "knowledge_bases"), *_knowledge_bases(principal), *_embedding_models()]


def model_named_so(name: str, principal: Principal) -> NamedModel:
    """The one of that name, as it is listed.

    Raises:
        ModelNotFoundError: there is none for the caller.
    """
    found = next((one for one in models_named(principal) if one.name == name), None)
    if found is None:
        raise _unknown(name)
    return found


def scope_named(name: str, principal: Principal) -> AccessScope:
    """What a question to the model of that name searches: the knowledge base by its id, its name or the slug of its name.

    Raises:
        ModelNotFoundError: there is none for the caller.
        PermanentError: the slug is that of several.
    """
    if name == ALL:
        return access_scope(principal, knowledge_base_ids=None)
    try:
        return access_scope(principal, knowledge_base_ids=[_uuid(name) or _id_named(name, principal)])
    except NotFoundError:
        raise _unknown(name) from None


def _id_named(name: str, principal: Principal) -> UUID:
    names = dict(knowledge_bases_visible(principal).values_list("pk", "name"))
    found = [pk for pk, one in names.items() if one == name]
    found = found or [pk for pk, one in names.items() if slugify(one, allow_unicode=True) == name]
    if len(found) > 1:
        told = ", ".join(f"{names[pk]!r} is {pk}" for pk in sorted(found))
        raise PermanentError(f"Several knowledge bases are meant by {name!r}: {told}.", action="Name one by its id.")
    if not found:
        raise _unknown(name)
    return found[0]


def _knowledge_bases(principal: Principal) -> list[NamedModel]:
    rows = knowledge_bases_visible(principal).order_by("name").values_list("name", "pk", "created_at")
    return [
        NamedModel(str(pk) if name == ALL or _uuid(name) else name, "knowledge_base", pk, created)
        for name, pk, created in rows
    ]


def _embedding_models() -> list[NamedModel]:
    active = model_versions().filter(kind=ModelKind.EMBEDDING, status=ModelStatus.ACTIVE)
    return [NamedModel(one.model.name, "embedding_model", one.pk, one.created_at) for one in active]


def _uuid(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None


def _unknown(name: str) -> ModelNotFoundError:
    return ModelNotFoundError(f"There is no model {name[:120]!r}.", action=LIST)
