"""What `benchmarks.answers` measures on a running system."""

from __future__ import annotations

from typing import Any

from apps.models.engine.precision import cpu_flags
from benchmarks.answers import quality
from benchmarks.answers.bases import base_filled
from benchmarks.answers.doors import Door
from benchmarks.answers.options import CACHE, GOLD, MODEL, OFF_TOPIC, STREAM, UNANSWERABLE, Options
from benchmarks.answers.spans import Spans
from benchmarks.answers.squad import halves, squad_read
from benchmarks.ingestion.running import Bench
from benchmarks.place import say
from ragsite.stack.system import System


def measure(running: System, options: Options) -> dict[str, Any]:
    """The figures of all parts that need the system, one part after the other."""
    found: dict[str, Any] = {"avx512_bf16": "avx512_bf16" in cpu_flags()}
    bench, spans = Bench(running), Spans()
    if options.parts - {OFF_TOPIC}:
        whole = base_filled(bench, "All paragraphs", squad_read(options.squads).paragraphs)
    if options.squad:
        squad = squad_read([options.squad])
        asked = squad.questions[: options.questions]
    if GOLD in options.parts:
        found |= _told(quality.gold(whole, asked, spans))
    if UNANSWERABLE in options.parts and options.squad2:
        found |= _told(quality.unanswerable(whole, squad_read([options.squad2]), options.questions2))
    if OFF_TOPIC in options.parts:
        held = halves(one.article for one in squad.paragraphs)
        half = base_filled(bench, "Half", [one for one in squad.paragraphs if one.article in held])
        found |= _told(quality.off_topic(half, squad, options.questions))
    if options.parts & {STREAM, CACHE, MODEL}:
        door = Door(running, whole, [one.text for one in asked], spans)
        if STREAM in options.parts:
            found |= _told(door.first_event()) | _told(door.streams(options.streams))
        if CACHE in options.parts:
            found |= _told(door.cache())
        if MODEL in options.parts:
            found |= _told(door.model())
    return found | spans.figures()


def _told(figures: dict[str, Any]) -> dict[str, Any]:
    say(", ".join(f"{name}: {value}" for name, value in figures.items()))
    return figures
