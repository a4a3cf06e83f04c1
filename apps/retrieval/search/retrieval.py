"""What was found for a request, as a value: the passages, and all that says how they came about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from apps.documents.retrieval_settings import RetrievalSettings
from apps.documents.rights.access import AccessScope
from apps.retrieval.index.lexical.reading import NO_STATISTICS, TermStatistics
from apps.retrieval.models import IndexGeneration
from apps.retrieval.search.degradation import Degradation
from apps.retrieval.search.legs import PlanOfLeg
from apps.retrieval.search.passages import Passage
from apps.retrieval.search.questions import Question
from apps.retrieval.search.request import SearchRequest
from ragsite.core.timelines import Mark


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Passages best first, for whom and how they were found, and how many milliseconds each step took; `marks` say when.

    `generations` were searched, by `settings`; `questions` is the request's text with its vector by each of their models,
    and empty where words alone were searched for. `candidates` says how many chunks each step left. `degraded` says what
    could not be done as it was asked for. `statistics` are those of the question's terms.
    """

    request: SearchRequest
    scope: AccessScope
    passages: tuple[Passage, ...]
    settings: RetrievalSettings
    generations: tuple[IndexGeneration, ...] = ()
    questions: tuple[Question, ...] = ()
    plans: tuple[PlanOfLeg, ...] = ()
    candidates: Mapping[str, int] = field(default_factory=dict)
    degraded: tuple[Degradation, ...] = ()
    milliseconds: Mapping[str, float] = field(default_factory=dict)
    statistics: TermStatistics = NO_STATISTICS
    marks: tuple[Mark, ...] = ()
