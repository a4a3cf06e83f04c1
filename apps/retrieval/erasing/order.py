"""What is done of a subject, in order: the table of steps, and before it what other apps have of a tenant."""

from __future__ import annotations

from apps.retrieval.erasing.steps import STEPS, EraseStep
from apps.retrieval.models import ErasureSubject

_of_others: list[EraseStep] = []


def tenant_step_register(step: EraseStep) -> None:
    """Have it done first of a tenant, for an app that this one does not know; once a process, before it erases anything."""
    _of_others.append(step)


def steps_of(subject: str) -> tuple[EraseStep, ...]:
    """What is done of a subject."""
    return (*_of_others, *STEPS[subject]) if subject == ErasureSubject.TENANT else STEPS[subject]
