"""Who asks in the Ask tab, with whose eyes, and the question as the machinery of answers takes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from apps.documents.models import KnowledgeBase
from apps.documents.rights.access import access_scope, knowledge_bases_readable_by
from apps.monitoring.workspace.ask.forms import SIDES, Offered, OptionsForm, QuestionForm
from apps.monitoring.workspace.ask.shown import Viewer
from apps.retrieval.answers.turns import AskedTurn, conversation_turn, first_turn
from apps.retrieval.doors.asking import Asking
from ragsite.core.actors import change_log
from ragsite.core.admin.base import acting
from ragsite.core.errors import NotFoundError, PermanentError
from ragsite.gateway.keys import Principal
from ragsite.gateway.members import principal_of_user
from ragsite.gateway.models import Permission

ASK_AS = "documents.add_grant"
"""Who may let people read may see what they read: the one tells no more than the other."""


@dataclass(frozen=True, slots=True)
class Asker:
    """A user of the admin in front of a knowledge base that the user may read."""

    request: HttpRequest
    knowledge_base: KnowledgeBase

    @property
    def principal(self) -> Principal:
        """The user as a caller of the knowledge base's tenant, with the rights that were granted to people."""
        user: Any = self.request.user
        principal = principal_of_user(user, tenant_id=self.knowledge_base.tenant_id)
        principal.require(Permission.QUERY)
        return principal

    @property
    def may_read(self) -> bool:
        return knowledge_bases_readable_by(self.request.user).filter(pk=self.knowledge_base.pk).exists()

    @property
    def may_ask_as(self) -> bool:
        return self.request.user.has_perm(ASK_AS, self.knowledge_base)

    def viewer_of(self, asking: Asking, side: str) -> Viewer:
        """For whom the answer to this question is shown."""
        eyes = asking.principal.name if asking.watcher else ""
        return self.viewer(side=side, eyes=eyes, narrowed=bool(asking.turn.request.filters))

    def viewer(self, *, side: str = "a", eyes: str = "", narrowed: bool = False) -> Viewer:
        """For whom answers are shown."""
        user = self.request.user
        return Viewer(
            knowledge_base=self.knowledge_base.name,
            knowledge_base_id=self.knowledge_base.pk,
            language=get_language() or "en",
            side=side if side in SIDES else SIDES[0],
            eyes=eyes,
            may_mark=user.has_perms(
                ["retrieval.add_evaluationquestion", "documents.view_knowledgebase"], self.knowledge_base
            ),
            may_open=user.has_perm("documents.view_document", self.knowledge_base),
            narrowed=narrowed,
        )


@dataclass(frozen=True, slots=True)
class Filled:
    """The forms of the tab as they were sent, or empty; `sides` has one option set, or two."""

    question: QuestionForm
    sides: dict[str, OptionsForm]
    compares: bool = False

    @property
    def is_valid(self) -> bool:
        return all([self.question.is_valid(), *(self.sides[side].is_valid() for side in self.asked_sides)])

    @property
    def asked_sides(self) -> tuple[str, ...]:
        return SIDES if self.compares else SIDES[:1]

    @property
    def eyes(self) -> User | None:
        return self.question.cleaned_data.get("eyes")


def filled(asker: Asker, data: Any = None, *, initial: dict[str, Any] | None = None) -> Filled:
    """The forms with what was sent."""
    offered, tenant = Offered(), asker.knowledge_base.tenant
    return Filled(
        QuestionForm(data, initial=initial, tenant=tenant, may_ask_as=asker.may_ask_as),
        {side: OptionsForm(data, prefix=side, offered=offered) for side in SIDES},
        compares=bool(data and data.get("compare")),
    )


def asking_of(asker: Asker, forms: Filled, side: str) -> Asking:
    """The question of valid forms with the options of one side.

    Raises:
        NotFoundError: there is no such conversation, or whose eyes it is asked with may read nothing here.
        ConflictError: the conversation is full.
    """
    mine, options, eyes = asker.principal, forms.sides[side], forms.eyes
    principal = principal_of_user(eyes, tenant_id=asker.knowledge_base.tenant_id) if eyes else mine
    scope = _scope(principal, asker.knowledge_base)
    turn = _turn(asker, forms, options, mine)
    if eyes:
        _note_eyes(asker, eyes)
    return Asking(
        turn, scope, principal, acting(asker.request), options.options(),
        cache=not options.cleaned_data["anew"], watcher=mine if eyes else None,
    )  # fmt: skip


def _scope(principal: Principal, base: KnowledgeBase) -> Any:
    principal.require(Permission.QUERY)
    try:
        return access_scope(principal, knowledge_base_ids=[base.pk])
    except NotFoundError as error:
        raise PermanentError(
            _("%(name)s may read nothing in %(base)s.") % {"name": principal.name, "base": base.name},
            action=_("Who shall is let in under Access."),
        ) from error


def _turn(asker: Asker, forms: Filled, options: OptionsForm, principal: Principal) -> AskedTurn:
    """With somebody else's eyes it belongs to no conversation, as does one whose answers are compared; any other goes on with its
    own, or begins one with its answer.
    """
    fields, bases = forms.question.cleaned_data, [asker.knowledge_base.pk]
    request, alone = options.request(fields["question"]), forms.eyes is not None or forms.compares
    held = None if alone else fields["conversation"]
    if alone or held:
        return conversation_turn(request, conversation_id=held, knowledge_base_ids=bases, principal=principal)
    return first_turn(request, knowledge_base_ids=bases)


def _note_eyes(asker: Asker, eyes: User) -> None:
    """That somebody tried another's rights is kept in the knowledge base's history, under who did it; the question is not."""
    change_log(
        f"knowledge base {asker.knowledge_base.pk} was asked with the rights of user {eyes.pk}",
        actor=acting(asker.request),
        action="rights.tried",
        of=asker.knowledge_base,
        details={"user_id": eyes.pk, "name": eyes.get_username()},
    )
