"""What `benchmarks.answers.training` does, once Django is set up."""

from __future__ import annotations

import argparse

from apps.retrieval.answers.extractive import commonness, scoring
from benchmarks.answers.common import background_texts, terms_counted, terms_written
from benchmarks.answers.learning import cross_validated, examples, learned_from, written
from benchmarks.answers.squad import squad_read
from benchmarks.answers.vectors import embedded
from benchmarks.place import say


def measure(options: argparse.Namespace) -> dict[str, float]:
    """The figures by cross-validation; with `write` the numbers that are shipped are replaced."""
    squad = squad_read([options.squad, options.squad2])
    say(f"{len(squad.paragraphs)} paragraphs, {len(squad.questions)} questions: embedding")
    texts = embedded([one.text for one in squad.paragraphs])
    questions = embedded([one.text for one in squad.questions])
    say("looking for units")
    found = list(examples(squad, texts, questions))
    say(f"learning from {len(found)} examples")
    figures = cross_validated(found)
    if options.write:
        scoring.FILE.write_text(written(learned_from(found)))
    return figures


def terms(options: argparse.Namespace) -> dict[str, int]:
    """Replace the common terms; how many there are."""
    squad = squad_read([options.squad, options.squad2])
    texts = background_texts(squad, scifact=options.scifact, cranfield=options.cranfield)
    counted = terms_counted(texts, [one.text for one in squad.questions])
    commonness.FILE.write_text(terms_written(counted))
    return {"texts": len(texts), "terms": len(counted)}
