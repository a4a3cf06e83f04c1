"""A question as a door hands it on, and whom its answer is for."""

from __future__ import annotations

from dataclasses import dataclass

from apps.documents.rights.access import AccessScope
from apps.retrieval.answers.options import AS_USUAL, AnswerOptions
from apps.retrieval.answers.turns import AskedTurn
from ragsite.core.actors import Actor
from ragsite.core.dynamic.flags import FlagSubject
from ragsite.gateway.keys import Principal


@dataclass(frozen=True, slots=True)
class Asking:
    """A question in its conversation, where it is asked, with whose rights, and how it shall be answered."""

    turn: AskedTurn
    scope: AccessScope
    principal: Principal
    actor: Actor
    options: AnswerOptions = AS_USUAL
    cache: bool = True
    """Whether an answer may be one that was made before."""
    watcher: Principal | None = None
    """Who asks to see what the principal would. Nothing is kept of such an answer: it is neither's."""

    @property
    def subject(self) -> FlagSubject:
        """For whom flags are asked: with whose rights it is asked."""
        person = self.principal.api_key_id or self.principal.user_id
        return FlagSubject(self.principal.tenant_id, str(person or ""))

    @property
    def asker(self) -> str:
        """Whose the answer is while it is made."""
        return asker_of(self.watcher or self.principal)


def asker_of(principal: Principal) -> str:
    """Whose answers are the caller's own; empty for one that is neither a key nor a user, and so has none to go on with."""
    if principal.api_key_id is not None:
        return f"key {principal.api_key_id} of {principal.tenant_id}"
    return f"user {principal.user_id} of {principal.tenant_id}" if principal.user_id is not None else ""
