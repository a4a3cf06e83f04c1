"""What a list in the admin says as long as it has no rows: what it would show, and what to do for that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext, gettext_noop


@dataclass(frozen=True, slots=True)
class Way:
    """A link to where something can be done: its words, and the name of its address."""

    words: str
    name: str

    @property
    def url(self) -> str:
        return reverse(self.name)

    @property
    def text(self) -> str:
        return gettext(self.words)


@dataclass(frozen=True, slots=True)
class Empty:
    """A sentence of what is not there yet, what would be, and where to go, if that is another page."""

    title: str
    words: str
    way: Way | None = None

    @property
    def heading(self) -> str:
        return gettext(self.title)

    @property
    def text(self) -> str:
        return gettext(self.words)


BASES = Way(gettext_noop("Open a knowledge base"), "admin:documents_knowledgebase_changelist")
ASK = Way(gettext_noop("Ask something"), "admin:retrieval_query_try")
SETS = Way(gettext_noop("Open the evaluation sets"), "admin:retrieval_evaluationset_changelist")
MODELS = Way(gettext_noop("Open the models"), "admin:model_registry_model_changelist")

OTHERWISE = Empty(gettext_noop("Nothing here yet"), gettext_noop("What there is will be listed here."))

EMPTY: Mapping[str, Empty] = {
    "documents.knowledgebase": Empty(
        gettext_noop("No knowledge bases yet"),
        gettext_noop("A knowledge base holds documents that are asked together. Add one, then put documents in."),
    ),
    "documents.document": Empty(
        gettext_noop("No documents yet"),
        gettext_noop("Documents are added to a knowledge base. Open one, or make one, and drop files there."),
        BASES,
    ),
    "documents.documentversion": Empty(
        gettext_noop("No versions"),
        gettext_noop("Every upload of a document makes a version of it, listed here with how far it has come."),
        BASES,
    ),
    "documents.chunk": Empty(
        gettext_noop("No passages"),
        gettext_noop("Documents are cut into passages when they are read. The passages are listed here."),
        BASES,
    ),
    "documents.stagerecord": Empty(
        gettext_noop("No stages"),
        gettext_noop(
            "Each document is read, cut and embedded, and every step is listed here with its time and result."
        ),
        BASES,
    ),
    "documents.grant": Empty(
        gettext_noop("Nothing was shared"),
        gettext_noop(
            "All members of a tenant read what is not restricted. Share restricted ones on the page of a knowledge base "
            "or a document."
        ),
        BASES,
    ),
    "documents.knowledgebasedeletion": Empty(
        gettext_noop("Nothing was deleted"),
        gettext_noop("When a knowledge base is deleted, what was removed of it, and what is left, is listed here."),
    ),
    "retrieval.query": Empty(
        gettext_noop("Nobody asked yet"),
        gettext_noop("Every question is listed here with its answer. Ask one yourself, or let an application ask."),
        ASK,
    ),
    "retrieval.answer": Empty(
        gettext_noop("No answers yet"), gettext_noop("Every answer is listed here with what it rests on."), ASK
    ),
    "retrieval.citation": Empty(
        gettext_noop("No citations yet"),
        gettext_noop("The places in documents that answers rest on are listed here, as far as you may read them."),
        ASK,
    ),
    "retrieval.conversation": Empty(
        gettext_noop("No conversations yet"),
        gettext_noop("Questions that follow each other are a conversation. Applications begin them over the API."),
        ASK,
    ),
    "retrieval.answerfeedback": Empty(
        gettext_noop("No feedback yet"),
        gettext_noop("What people think of the answers they got is listed here, as soon as somebody rates one."),
        Way(gettext_noop("See the questions"), "admin:retrieval_query_changelist"),
    ),
    "retrieval.indexgeneration": Empty(
        gettext_noop("No index yet"),
        gettext_noop("The first document of a knowledge base makes its index, and a re-index makes another."),
        BASES,
    ),
    "retrieval.reindex": Empty(
        gettext_noop("Nothing was re-indexed"),
        gettext_noop(
            "When another model or another way of cutting is chosen for a knowledge base, its progress is listed here."
        ),
        BASES,
    ),
    "retrieval.evaluationset": Empty(
        gettext_noop("No evaluation sets yet"),
        gettext_noop(
            "A set holds questions with what is relevant to each, to measure searches by. Add one to a knowledge base."
        ),
    ),
    "retrieval.evaluationquestion": Empty(
        gettext_noop("No evaluation questions yet"),
        gettext_noop("Mark passages as relevant where you ask, or write or import questions in an evaluation set."),
        SETS,
    ),
    "retrieval.evaluationrun": Empty(
        gettext_noop("No runs yet"),
        gettext_noop(
            "A run asks all questions of an evaluation set and measures what is found. Start one from its set."
        ),
        SETS,
    ),
    "model_registry.model": Empty(
        gettext_noop("No models yet"),
        gettext_noop(
            "Documents are found with an embedding model, and answers are written by a language model. Download one, or "
            "connect one that a server runs."
        ),
    ),
    "model_registry.modelversion": Empty(
        gettext_noop("No model versions"),
        gettext_noop("Every model that is downloaded or connected has a version, listed here with its state."),
        MODELS,
    ),
    "model_registry.modeltask": Empty(
        gettext_noop("No model tasks"),
        gettext_noop("Downloads, checks and removals of models are listed here with how far they have come."),
    ),
    "model_registry.modelcache": Empty(
        gettext_noop("No model is loaded"),
        gettext_noop("What model workers hold in memory is listed here. They load a model when it is first needed."),
        MODELS,
    ),
    "gateway.tenant": Empty(
        gettext_noop("No tenants yet"),
        gettext_noop("A tenant is an organisation with its own documents and members. Add the first one."),
    ),
    "gateway.membership": Empty(
        gettext_noop("No members yet"),
        gettext_noop(
            "A user reads and asks in the tenants that the user is a member of. Only an owner of a tenant adds members."
        ),
    ),
    "gateway.apikey": Empty(
        gettext_noop("No API keys yet"),
        gettext_noop("An application calls with a key, which may do what you allow it."),
        Way(gettext_noop("Read the API docs"), "api-docs"),
    ),
    "auth.user": Empty(
        gettext_noop("No users to see"),
        gettext_noop("Those who sign in here, of the tenants that you own, are listed here."),
    ),
    "auth.group": Empty(
        gettext_noop("No groups"),
        gettext_noop(
            "Users of a group have its permissions, and read what is shared with it. Only superusers make groups."
        ),
    ),
    "monitoring.webhook": Empty(
        gettext_noop("No webhooks yet"),
        gettext_noop(
            "A webhook tells a program of yours what happens to documents and questions. Add one with its address."
        ),
    ),
    "monitoring.webhookdelivery": Empty(
        gettext_noop("Nothing was told yet"),
        gettext_noop("What webhooks are told, and what became of it, is listed here for 30 days."),
    ),
    "core.outboxevent": Empty(
        gettext_noop("No events"),
        gettext_noop(
            "All that happens to documents and answers is told to other systems by events, which wait here until they are sent."
        ),
    ),
    "core.scheduledjob": Empty(
        gettext_noop("No job has run yet"),
        gettext_noop("What runs by the clock is listed here after its first time. Nothing runs without a worker."),
        Way(gettext_noop("See the health"), "health-page"),
    ),
}
"""By the label of the model."""


def empty_list(label: str) -> Empty:
    """What the list of a model says without rows."""
    return EMPTY.get(label, OTHERWISE)
